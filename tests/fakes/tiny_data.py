"""A small part of the real data sets in their own layout, so that a whole training takes a minute.

Every class is in every part. Nothing is made up: files are linked, rows are taken as they are.
"""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

ACTORS = ("01", "02", "15", "16", "17", "18", "19", "20")
SIDE, PER_ROW = 48, 50


def make_tiny_data(root: Path, out: Path, *, faces: int = 6, texts: int = 160) -> Path:
    """Take a little of everything.

    Args:
        root: the data folder.
        out: the small one, made.
        faces: per class and part.
        texts: sentences per part and set.

    Returns:
        `out`.
    """
    _link_voices(root, out)
    _take_faces(root, out, faces)
    for name in ("goemotions", "meld", "dair_emotion"):
        (out / "text" / name).mkdir(parents=True)
    _take_comments(root / "text" / "goemotions", out / "text" / "goemotions", texts)
    for part in ("train", "dev", "test"):
        name = f"{part}_sent_emo.csv"
        _take_meld(root / "text" / "meld" / name, out / "text" / "meld" / name, texts)
    for part in ("train", "val", "test"):
        lines = _lines(root / "text" / "dair_emotion" / f"{part}.txt")
        _write(out / "text" / "dair_emotion" / f"{part}.txt", lines[: texts + 1])
    return out


def _link_voices(root: Path, out: Path) -> None:
    folder = out / "ravdess" / "audio"
    folder.mkdir(parents=True)
    voices = root / "ravdess" / "audio"
    neutral = set(voices.glob("03-01-01-*.flac"))  # a person's own baseline wants several
    for clip in sorted(neutral | set(voices.glob("03-01-*-01-01-01-*.flac"))):
        if clip.stem.rsplit("-", 1)[1] in ACTORS:
            (folder / clip.name).symlink_to(clip)


def _take_faces(root: Path, out: Path, count: int) -> None:
    """The first faces of each class that voters agree on, in one sheet."""
    with np.load(root / "ferplus" / "ferplus.npz", allow_pickle=False) as store:
        votes, split, classes = store["votes"], store["split"], store["classes"]
        first = sorted(key for key in store.files if key.startswith("mosaic_"))
        sheets = [cv2.imdecode(store[key], cv2.IMREAD_GRAYSCALE) for key in first]
    agreed = votes.max(axis=1).astype(int) * 2 > votes.sum(axis=1, dtype=int)
    seen: Counter[tuple[int, int]] = Counter()
    rows = []
    for row in np.flatnonzero(agreed):
        key = (int(split[row]), int(votes[row].argmax()))
        if seen[key] < count:
            seen[key] += 1
            rows.append(int(row))
    size = PER_ROW * PER_ROW
    sheet = np.zeros((PER_ROW * SIDE, PER_ROW * SIDE), dtype=np.uint8)
    for place, row in enumerate(rows):
        _cell(sheet, place)[:] = _cell(sheets[row // size], row % size)
    (out / "ferplus").mkdir(parents=True)
    coded = cv2.imencode(".png", sheet)[1]
    np.savez(
        out / "ferplus" / "ferplus.npz", votes=votes[rows], split=split[rows], classes=classes,
        mosaic_0=coded,
    )  # fmt: skip


def _cell(sheet: npt.NDArray[Any], place: int) -> npt.NDArray[Any]:
    top, left = SIDE * (place // PER_ROW), SIDE * (place % PER_ROW)
    return sheet[top : top + SIDE, left : left + SIDE]


def _take_comments(source: Path, target: Path, count: int) -> None:
    """Comments in turn over the groups, so that rare ones are there; both label files alike."""
    for name in ("ekman_labels.txt", "labels.txt"):
        _write(target / name, _lines(source / name))
    for part in ("train", "dev", "test"):
        grouped = _lines(source / f"ekman_{part}.tsv")
        rows = _in_turn(grouped, lambda line: line.split("\t")[1], count)
        for name in (f"ekman_{part}.tsv", f"{part}.tsv"):
            lines = _lines(source / name)
            _write(target / name, [lines[row] for row in rows])


def _in_turn(lines: list[str], key: Callable[[str], str], count: int) -> list[int]:
    """Row numbers, at most a fair share of each key that is a single label."""
    keys = [key(line) for line in lines]
    single = sorted({k for k in keys if "," not in k})
    share = -(-count // len(single))
    seen: Counter[str] = Counter()
    rows = []
    for row, name in enumerate(keys):
        if name in single and seen[name] < share:
            seen[name] += 1
            rows.append(row)
    return rows


def _take_meld(source: Path, target: Path, count: int) -> None:
    with source.open(encoding="utf-8", newline="") as file:
        heading, *rows = list(csv.reader(file))
    place = heading.index("Emotion")
    chosen = _in_turn([row[place] for row in rows], str, count)
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([heading, *(rows[k] for k in chosen)])


def _lines(path: Path) -> list[str]:
    return path.read_bytes().decode("utf-8").rstrip("\n").split("\n")


def _write(path: Path, lines: list[str]) -> None:
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8"))
