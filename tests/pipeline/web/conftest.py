"""One browser and one page for the tests of the page's scripts."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.browser import Visit, chromium, driver, static_server


@pytest.fixture(scope="package")
def playwright() -> Iterator[Any]:
    with driver() as found:
        yield found


@pytest.fixture(scope="package")
def browser(playwright: Any) -> Iterator[Any]:
    with chromium(playwright) as found:
        yield found


@pytest.fixture(scope="package")
def empty_page(browser: Any) -> Iterator[Visit]:
    """An empty page into which the scripts of the real one can be imported."""
    with static_server() as url, Visit(browser, url) as visit:
        yield visit
