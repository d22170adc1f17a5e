from pathlib import Path

import pytest

from tacit.models.datasets.ravdess import parse_clip
from tacit.models.datasets.ravdess_streams import UNITS, au_frames
from tacit.models.errors import DatasetError

CLIP = parse_clip(Path("03-01-05-02-01-01-03.flac"))
HEADER = ";".join(f"AU{k}" for k in range(UNITS))


def write(root: Path, *rows: str) -> None:
    folder = root / "ravdess" / "face_au_frames" / "Actor_03" / "outProcessed"
    folder.mkdir(parents=True)
    (folder / "01-01-05-02-01-01-03.csv").write_text("\n".join([HEADER, *rows]) + "\n")


def test_frames_come_in_order(tmp_path: Path) -> None:
    write(tmp_path, ";".join(["0.5"] * UNITS), ";".join(["1.5"] * UNITS))
    frames = au_frames(tmp_path, CLIP)
    assert frames.shape == (2, UNITS)
    assert frames[:, 0].tolist() == [0.5, 1.5]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "values, want finite"),
        ((";".join(["nan"] * UNITS),), "values, want finite"),
        (("1;2;3",), "values, want finite"),
        ((";".join(["x"] * UNITS),), "not readable as action units"),
        ((";".join(["1"] * UNITS), "1;2"), "not readable as action units"),
    ],
)
def test_damage_is_named(tmp_path: Path, rows: tuple[str, ...], message: str) -> None:
    write(tmp_path, *rows)
    with pytest.raises(DatasetError, match=message):
        au_frames(tmp_path, CLIP)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"01-01-05-02-01-01-03\.csv: not readable"):
        au_frames(tmp_path, CLIP)
