"""What tests of whole live sessions share."""

from collections.abc import Iterator

import pytest

from tests.fakes.serving import Serving, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Serving]:
    """`tacit serve`, started once: loading the models takes longer than most tests that use it."""
    with serving() as found:
        yield found
