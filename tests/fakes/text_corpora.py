"""Small text corpora in the published file formats."""

import csv
from collections.abc import Sequence
from pathlib import Path

EKMAN_NAMES = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")


def write_goemotions(root: Path, rows: Sequence[tuple[str, str, str]]) -> Path:
    """Write (text, grouped ids, fine ids) rows as every split; returns the folder."""
    folder = root / "text" / "goemotions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ekman_labels.txt").write_text("\n".join(EKMAN_NAMES) + "\n")
    for split in ("train", "dev", "test"):
        for prefix, column in (("ekman_", 1), ("", 2)):
            lines = [f"{row[0]}\t{row[column]}\tid{i}\n" for i, row in enumerate(rows)]
            (folder / f"{prefix}{split}.tsv").write_bytes("".join(lines).encode())
    return folder


def write_meld(root: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """Write (utterance, emotion) rows as every split; returns the folder."""
    folder = root / "text" / "meld"
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev", "test"):
        with (folder / f"{split}_sent_emo.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["Sr No.", "Utterance", "Speaker", "Emotion"])
            writer.writerows([i, text, "A", emotion] for i, (text, emotion) in enumerate(rows))
    return folder
