"""One browser and one page for each file of tests of the page's scripts.

While playwright is started, its thread has a running event loop: no other file may meet it.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.browser import Visit, chromium, driver, static_server


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    with driver() as found:
        yield found


@pytest.fixture(scope="module")
def browser(playwright: Any) -> Iterator[Any]:
    with chromium(playwright) as found:
        yield found


@pytest.fixture(scope="module")
def empty_page(browser: Any) -> Iterator[Visit]:
    """An empty page into which the scripts of the real one can be imported."""
    with static_server() as url, Visit(browser, url) as visit:
        yield visit
