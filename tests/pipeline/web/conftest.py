"""One browser and one page for the tests of the page's scripts."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.browser import Visit, chromium, static_server


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="package")
def empty_page(browser: Any) -> Iterator[Visit]:
    """An empty page into which the scripts of the real one can be imported."""
    with static_server() as url, Visit(browser, url) as visit:
        yield visit
