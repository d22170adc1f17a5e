"""A comparison with annotations as a picture."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..models.labels import EMOTIONS
from .annotations import TRACES
from .comparison import Comparison, Pairs, classes
from .export.replacing import ExportError, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Final = (".png", ".svg", ".pdf")


def plot(comparison: Comparison, pairs: Pairs) -> "Figure":
    """Draw what was compared, over time, and the confusion of classes.

    Returns:
        a figure with one panel per kind of annotation.

    Raises:
        ModuleNotFoundError: matplotlib, of the extra `research`, is not installed.
    """
    from matplotlib.figure import Figure

    panels: list[Callable[[Any], None]] = []
    if comparison.emotions is not None:
        panels.append(partial(_draw_classes, comparison=comparison, pairs=pairs))
        panels.append(partial(_draw_confusion, comparison=comparison))
    panels += [partial(_draw_trace, name=name, pairs=pairs) for name in comparison.traces]
    figure = Figure(figsize=(9, 3.4 * len(panels)), layout="constrained")
    for axes, draw in zip(
        figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True
    ):
        draw(axes)
    return figure


def save(figure: "Figure", out: Path, *, force: bool = False) -> None:
    """Write a figure as PNG, SVG or PDF.

    Raises:
        ExportError: the name ends otherwise, the file is there already, or it cannot be written.
    """
    if out.suffix.lower() not in FORMATS:
        raise ExportError(f"{out}: plots are {', '.join(FORMATS)} files")
    with replacing(out, force=force) as place:
        figure.savefig(place, dpi=150)


def _seconds(pairs: Pairs) -> list[float]:
    return [(r.window.start_ms + r.window.end_ms) / 2000 for r in pairs.results]


def _draw_classes(axes: Any, comparison: Comparison, pairs: Pairs) -> None:
    truth, guess = (np.where(c >= 0, c, np.nan) for c in classes(pairs))
    axes.plot(_seconds(pairs), truth, "s", ms=7, mfc="none", color="black", label="annotated")
    axes.plot(_seconds(pairs), guess, "o", ms=3.5, color="tab:blue", label="Tacit")
    axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    axes.set_ylim(-0.5, len(EMOTIONS) - 0.5)
    axes.set_xlabel("middle of the window, s")
    axes.set_title(f"{comparison.session}: only windows in which something was measured")
    axes.legend(loc="upper right")


def _draw_confusion(axes: Any, comparison: Comparison) -> None:
    assert comparison.emotions is not None
    counts = np.array(comparison.emotions.confusion)
    axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0)
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=30, ha="right")
    axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    axes.set_xlabel("Tacit")
    axes.set_ylabel("annotated")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column, row, str(count), ha="center", va="center", color="tab:red")


def _draw_trace(axes: Any, name: str, pairs: Pairs) -> None:
    column = 7 + TRACES.index(name)
    axes.plot(_seconds(pairs), pairs.annotated[:, column], color="black", label="annotated")
    axes.plot(_seconds(pairs), pairs.predicted[:, column], color="tab:blue", label="Tacit")
    axes.set_ylim(-1, 1)
    axes.set_xlabel("middle of the window, s")
    axes.set_ylabel(name)
    axes.legend(loc="upper right")
