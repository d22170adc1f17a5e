from fractions import Fraction
from pathlib import Path

import pytest

from tacit.stream.demux import open_media, to_ns
from tacit.stream.errors import MediaError


def test_ticks_become_ns_exactly() -> None:
    assert to_ns(90_000, Fraction(1, 90_000)) == 1_000_000_000
    assert to_ns(3003, Fraction(1, 90_000)) == 33_366_667
    assert to_ns(-1, Fraction(1, 1000)) == -1_000_000


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="gone"):
        open_media(tmp_path / "gone.mp4")
    with pytest.raises(MediaError, match=tmp_path.name):
        open_media(tmp_path)
    text = tmp_path / "notes.mp4"
    text.write_text("no film")
    with pytest.raises(MediaError, match=r"notes\.mp4"):
        open_media(text)
