from pathlib import Path

import pytest

from tacit.pipeline.export.replacing import ExportError, replacing


def test_the_file_appears_when_all_went_well_and_is_its_owners(tmp_path: Path) -> None:
    out = tmp_path / "a.txt"
    with replacing(out) as place:
        place.write_text("whole")
        assert not out.exists()
    assert out.read_text() == "whole"
    assert out.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [out]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "a.txt"
    out.write_text("old")

    def write_half() -> None:
        with replacing(out, force=True) as place:
            place.write_text("ha")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_half()
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_file_is_replaced_by_force_only(tmp_path: Path) -> None:
    out = tmp_path / "a.txt"
    out.write_text("old")
    with pytest.raises(ExportError, match=r"a\.txt: is there already; --force"), replacing(out):
        pytest.fail("must not be asked to write")
    with replacing(out, force=True) as place:
        place.write_text("new")
    assert out.read_text() == "new"


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "a.txt"

    def write_beside_another() -> None:
        with replacing(out) as place:
            place.write_text("mine")
            out.write_text("theirs")

    with pytest.raises(ExportError, match="is there already"):
        write_beside_another()
    assert out.read_text() == "theirs"


def test_places_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    for out in (tmp_path / "none" / "a.txt", tmp_path):
        with (
            pytest.raises(ExportError, match=r"cannot be written|is a folder") as caught,
            replacing(out, force=True),
        ):
            pytest.fail("must not be asked to write")
        assert "\n" not in str(caught.value)
