from pathlib import Path

import pytest

from tacit.models.benchmark import digests
from tacit.models.datasets.checksums import verify


@pytest.mark.data
@pytest.mark.parametrize("name", ["MOSI_CLEAN", "MOSI_GIVEN", "RAVDESS", "MELD", "GOEMOTIONS"])
def test_the_data_are_those_of_the_published_tables(data_root: Path, name: str) -> None:
    verify(data_root, getattr(digests, name))
