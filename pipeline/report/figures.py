"""Figures for papers and notebooks, drawn by matplotlib.

They are made without pyplot, so nothing of them stays behind in its state; a notebook shows one
that ends a cell.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ...models.features import MODALITIES
from ...models.labels import EMOTIONS, Emotion
from .columns import alone_range
from .errors import ReportError
from .participants import Participant
from .stretches import Result, sensor_stretches, steps
from .wording import SENSORS, clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

COLOURS: Final[Mapping[Emotion, str]] = {
    "neutral": "#6e7681",
    "happiness": "#d98e00",
    "sadness": "#0072b2",
    "anger": "#c94f00",
    "fear": "#b4578c",
    "disgust": "#00805e",
    "surprise": "#2b95d1",
}
"""After Okabe and Ito, Color Universal Design (2008), darkened where white paper asks for it."""

SOURCES: Final[Mapping[str, Mapping[str, Any]]] = {
    "measured": {"facecolor": "#3d8fc4", "edgecolor": "none"},
    "recovered": {"facecolor": "white", "edgecolor": "#b4578c", "hatch": "////", "linewidth": 0.4},
    "absent": {"facecolor": "white", "edgecolor": "#8b939e", "hatch": "\\\\\\\\", "linewidth": 0.4},
}
LEGEND: Final = {
    "measured": "measured",
    "recovered": "guessed from other sensors",
    "absent": "not measured",
}
SHADE: Final = "#5a6370"
FORMATS: Final = (".svg", ".png", ".pdf")
INCHES: Final = (7.0, 7.4)
"""As wide as a page of most journals."""


def timeline_figure(person: Participant, hop_ms: int) -> "Figure":
    """Seven expressed emotions, valence, arousal and the sensors over time.

    Lines are probabilities from all sensors together, bands the range of what single sensors say
    alone; grey shading marks windows for which no emotion is claimed, hatching what was not
    measured.

    Args:
        person: whose windows.
        hop_ms: distance of windows.

    Raises:
        ReportError: matplotlib is missing, or there is nothing to draw.
    """
    _require(person)
    figure = _new_figure(INCHES)
    rows = len(EMOTIONS) + 2
    axes: list[Axes] = list(
        figure.subplots(
            rows + 1,
            1,
            sharex=True,
            height_ratios=[1.0] * rows + [1.5],
            gridspec_kw={"hspace": 0.2},
        )
    )
    t = _edges_s(person.results, hop_ms)
    for index, (name, ax) in enumerate(zip(EMOTIONS, axes, strict=False)):
        _draw_emotion(ax, person.results, index, t)
        _label(ax, name, COLOURS[name])
    for scale, ax in zip(("valence", "arousal"), axes[len(EMOTIONS) :], strict=False):
        ax.axhline(0, color="0.85", linewidth=0.6)
        ax.plot(t, _pair([_number(getattr(r.fused, scale)) for r in person.results]), "k", lw=1.1)
        ax.set(ylim=(-1.05, 1.05), yticks=(-1, 1), yticklabels=("−1", "+1"))
        _label(ax, scale, "black")
    _draw_sensors(axes[-1], person.results, hop_ms)
    for ax in axes[:-1]:
        _shade_abstained(ax, person.results, hop_ms)
        ax.spines[["top", "right", "bottom"]].set_visible(False)
        ax.tick_params(bottom=False, labelsize=7)
    axes[-1].set_xlim(0, person.results[-1].window.end_ms / 1000)
    axes[-1].xaxis.set_major_formatter(lambda x, _: clock(round(x * 1000)).removesuffix(".0"))
    return figure


def valence_arousal_figure(person: Participant, hop_ms: int) -> "Figure":
    """Valence against arousal, coloured by time.

    Args:
        person: whose windows.
        hop_ms: distance of windows; not needed here.

    Raises:
        ReportError: matplotlib is missing, or there is nothing to draw.
    """
    _require(person)
    figure = _new_figure((4.2, 3.6))
    ax: Axes = figure.subplots()
    known = [r for r in person.results if r.fused.valence is not None]
    valence = [_number(r.fused.valence) for r in known]
    arousal = [_number(r.fused.arousal) for r in known]
    for draw in (ax.axhline, ax.axvline):
        draw(0, color="0.8", linewidth=0.7, zorder=0)
    ax.plot(valence, arousal, color="0.75", linewidth=0.7, zorder=1)
    minutes = [r.window.end_ms / 60_000 for r in known]
    dots = ax.scatter(
        valence, arousal, c=minutes, cmap="cividis_r", s=12, zorder=2, rasterized=len(known) > 2000
    )
    ax.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
    ax.set_xlabel("valence: unpleasant to pleasant", fontsize=8)
    ax.set_ylabel("arousal: calm to excited", fontsize=8)
    ax.tick_params(labelsize=7)
    bar = figure.colorbar(dots, ax=ax, shrink=0.85)
    bar.set_label("time, min", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return figure


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure; an SVG is the same bytes each time.

    Args:
        figure: to write.
        path: its ending says the format.

    Raises:
        ReportError: unknown format, or the file cannot be written.
    """
    import matplotlib

    if path.suffix.lower() not in FORMATS:
        raise ReportError(f"{path}: figures are written as {', '.join(FORMATS)}")
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
    style: Any = {"svg.hashsalt": "tacit", "svg.fonttype": "none", "pdf.fonttype": 42}
    try:
        with matplotlib.rc_context(style):
            figure.savefig(path, dpi=300, metadata=metadata)
    except OSError as exc:
        raise ReportError(f"{path}: cannot write the figure: {exc.strerror}") from exc


def _require(person: Participant) -> None:
    if not person.results:
        raise ReportError(f"{person.name}: no windows were read, so there is nothing to draw")


def _new_figure(inches: tuple[float, float]) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise ReportError(
            "figures need matplotlib: install it with pip install 'tacit[research]'"
        ) from exc
    return Figure(figsize=inches, layout="constrained")


def _edges_s(results: Sequence[Result], hop_ms: int) -> Floats:
    """Begin and end of each window's step in s, (2N,), so that holes stay holes."""
    return np.asarray(steps(results, hop_ms), np.float64).ravel() / 1000


def _pair(values: Sequence[float]) -> Floats:
    """Each value twice, for the begin and end of its step, (2N,)."""
    return np.repeat(np.asarray(values, np.float64), 2)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _draw_emotion(ax: "Axes", results: Sequence[Result], index: int, t: Floats) -> None:
    colour = COLOURS[EMOTIONS[index]]
    fused = [r.fused.emotions for r in results]
    ranges = [alone_range(r, index) or (np.nan, np.nan) for r in results]
    low, high = _pair([r[0] for r in ranges]), _pair([r[1] for r in ranges])
    ax.fill_between(t, low, high, color=colour, alpha=0.22, linewidth=0)
    p = [np.nan if f is None else f[index].probability for f in fused]
    ax.plot(t, _pair(p), color=colour, linewidth=1.1)
    ax.set(ylim=(0, 1), yticks=(0, 1))
    ax.axhline(0, color="0.85", linewidth=0.6)


def _label(ax: "Axes", name: str, colour: str) -> None:
    ax.set_ylabel(name, rotation=0, ha="right", va="center", color=colour, fontsize=8)


def _shade_abstained(ax: "Axes", results: Sequence[Result], hop_ms: int) -> None:
    spans = [
        (start / 1000, (end - start) / 1000)
        for (start, end), r in zip(steps(results, hop_ms), results, strict=True)
        if r.fused.abstained
    ]
    low, high = ax.get_ylim()
    ax.broken_barh(spans, (low, high - low), color=SHADE, alpha=0.16, linewidth=0, zorder=0)


def _draw_sensors(ax: "Axes", results: Sequence[Result], hop_ms: int) -> None:
    from matplotlib.patches import Patch

    for row, modality in enumerate(MODALITIES):
        stretches = sensor_stretches(results, modality, hop_ms)
        for source, style in SOURCES.items():
            spans = [
                (s.start_ms / 1000, (s.end_ms - s.start_ms) / 1000)
                for s in stretches
                if s.source == source
            ]
            ax.broken_barh(spans, (row - 0.35, 0.7), **style)
    ax.set(ylim=(len(MODALITIES) - 0.5, -0.5), yticks=range(len(MODALITIES)))
    ax.set_yticklabels([SENSORS[m] for m in MODALITIES], fontsize=8)
    ax.tick_params(axis="x", labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    keys = [Patch(label=LEGEND[source], **style) for source, style in SOURCES.items()]
    keys.append(Patch(label="no emotion claimed", facecolor=SHADE, alpha=0.16))
    ax.legend(
        handles=keys, ncols=4, fontsize=7, frameon=False, loc="upper center",
        bbox_to_anchor=(0.45, -0.3), handlelength=1.6, columnspacing=1.2,
    )  # fmt: skip
