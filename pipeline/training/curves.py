"""Curves of a training run: what trainers report, kept as JSON lines and drawn as pictures.

Trainers say what happens in lines for people. A line such as `epoch 3/12: train loss 0.412, valid
macro-F1 0.61` or `teacher 200/1500: loss 0.8` is a point of a curve: of what, how far, and named
figures.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from .errors import TrainError

_STEP: Final = re.compile(
    r"^\s*(?:([a-zA-Z][\w' -]*?)\s+)??(?:(?:epoch|step)\s+)?(\d+)\s*/\s*(\d+)\s*:\s*(.*)$"
)
_FIGURE: Final = re.compile(r"([A-Za-z][\w @+.()/-]*?)[ =:]+(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(%?)")

COLUMNS: Final = 2
FOLDER: Final = "curves"


@dataclass(frozen=True, slots=True)
class Point:
    """One report of a trainer.

    Attributes:
        part: which of several fits of the stage; empty for the only one.
        step: from 1.
        of: last step.
        figures: by name.
    """

    part: str
    step: int
    of: int
    figures: Mapping[str, float]


def point_of(line: str) -> Point | None:
    """The point that a line reports, or None for any other line."""
    found = _STEP.match(line)
    if found is None:
        return None
    part, step, of, rest = found.groups()
    figures = {
        name.strip(): float(value) / (100.0 if percent else 1.0)
        for name, value, percent in _FIGURE.findall(rest)
    }
    return Point(part or "", int(step), int(of), figures)


class CurveLog:
    """Appends what a stage reports to `curves/STAGE.jsonl`.

    A stage that goes on after an interruption goes on in the same file; other settings begin a new
    one.

    Args:
        out: folder of the run.
        stage: its name.
        fingerprint: of the stage's settings and inputs.
    """

    def __init__(self, out: Path, stage: str, fingerprint: str) -> None:
        self.path: Final = out / FOLDER / f"{stage}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        goes_on = _fingerprint_of(self.path) == fingerprint
        self._file: TextIO = self.path.open("a" if goes_on else "w", encoding="utf-8")
        self._write({"stage": stage, "fingerprint": fingerprint})

    def line(self, text: str) -> Point | None:
        """Keep a line; gives the point that it reports."""
        point = point_of(text)
        entry: dict[str, Any] = {"line": text}
        if point is not None:
            entry |= {"part": point.part, "step": point.step, "of": point.of}
            entry["figures"] = dict(point.figures)
        self._write(entry)
        return point

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()


def read_points(path: Path) -> list[Point]:
    """Points of a curve file; of a step that was done twice the later one counts.

    A last line that a kill cut short is left out.
    """
    points: dict[tuple[str, int], Point] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if "step" in entry:
            point = Point(entry["part"], entry["step"], entry["of"], entry["figures"])
            points[point.part, point.step] = point
    return list(points.values())


def draw_curves(path: Path) -> Path | None:
    """Draw a curve file as a PNG beside it, one panel per figure.

    Returns:
        the picture, or None when there is nothing to draw.

    Raises:
        TrainError: matplotlib is not installed.
    """
    points = read_points(path)
    names = list(dict.fromkeys(name for point in points for name in point.figures))
    if not names:
        return None
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise TrainError(
            f"no pictures of the curves without {exc.name}: pip install 'tacit[train]'; "
            f"the figures are in {path}"
        ) from exc
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(4.5 * COLUMNS, 2.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, COLUMNS, index + 1)
        for part in dict.fromkeys(point.part for point in points):
            _line(axes, [p for p in points if p.part == part and name in p.figures], name, part)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.grid(alpha=0.3)
    picture = path.with_suffix(".png")
    figure.savefig(picture, dpi=110)
    return picture


def _line(axes: Any, points: Sequence[Point], name: str, part: str) -> None:
    if points:
        axes.plot([p.step for p in points], [p.figures[name] for p in points], ".-", label=part)
        if part:
            axes.legend(fontsize=7)


def _fingerprint_of(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return str(json.loads(file.readline())["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
