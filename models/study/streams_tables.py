"""Tables and notes of the study of streams, for docs/models.md, from its figures alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from .streams_summary import AGAINST

MAIN: Final = "recovery, soft gate"
FAIR: Final = "drop+KD given the past"
TWIN: Final = "two drop+KD, averaged"
REQUIRED: Final = ("drop+KD", "hold last", FAIR)
"""What recovery with the past is required to beat, with its interval; the last is the fair one."""
TITLE: Final = "Recovery with the past, against doing without"
PROTOCOL: Final = (
    "RAVDESS, 7 classes. Windows of 12 quarter-second bins cut from a person's takes one after "
    "another in random order; audio of 20 actors as statistics of each bin, faces of actors 01-05 "
    "as action units. Tokens are seen against the person's running baseline as it was before the "
    "take. One modality has a gap of 0.5, 1 or 2 s at a random place, or is lost whole; its last 2 "
    "s before the window are known. Five speaker-disjoint folds with one of the five faces each. "
    "Every way of filling has its own fusion, trained on windows filled that way and distilled "
    "from the one of whole windows. Recovery generates the deviation from a regressed mean; its "
    "fusion, and the drop model that a gate mixes it with, are of a second generation, distilled "
    "from three networks of the first. Drop+KD given the past has earlier tokens as further tokens "
    "of its fusion, in training half of the time. Steps, the share of the deviation, the gate and "
    "its drop model are chosen on validation actors. Intervals over whole actors."
)


def tables(lost: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tables in the form that tools/result_tables.py lays out."""
    made = []
    for name, found in lost.items():
        gaps = found["gaps"]
        columns = ["method", *gaps, "mean", "NLL, mean"]
        rows = [
            [method]
            + [_interval(gaps[gap][method]) for gap in gaps]
            + [_interval(found["mean"][method]), _interval(found["surprise"][method])]
            for method in found["mean"]
        ]
        title = f"{name} lost, {found['people']} actors: UAR"
        made.append({"title": title, "columns": columns, "rows": rows})
        ours = list(found["differences"]["mean"])
        rows = [
            [other, *(_points(found["differences"]["mean"][one].get(other)) for one in ours)]
            for other in AGAINST
        ]
        title = f"{name} lost: mean over gaps, in points of UAR above"
        made.append({"title": title, "columns": ["", *ours], "rows": rows})
    return made


def notes(
    lost: Mapping[str, Mapping[str, Any]], seeds: int, earlier: Mapping[str, Any] | None = None
) -> list[str]:
    """Where the required line is met, and by how much it is missed.

    Args:
        lost: figures by lost modality.
        seeds: how many.
        earlier: figures of the version before, whose test part was read.
    """
    lines = [f"{seeds} seed{'s' if seeds > 1 else ''}; three are wanted."]
    for name, found in lost.items():
        for stretch, differences in found["differences"].items():
            said = []
            for other in REQUIRED:
                value, low, high = (100 * v for v in differences[MAIN][other])
                verdict = "above" if low > 0 else "below" if high < 0 else "no difference shown"
                said.append(f"{other} {value:+.1f} [{low:+.1f}, {high:+.1f}], {verdict}")
            lines.append(f"{name} lost, {stretch}: {MAIN} against {'; '.join(said)}.")
        mean = found["mean"]
        step = 100 * (mean[FAIR][0] - mean["drop+KD"][0])
        lines.append(
            f"{name} lost: {FAIR} is itself {step:+.1f} from drop+KD: to be above it shows little."
            if step < 0
            else f"{name} lost: {FAIR} is {step:+.1f} from drop+KD."
        )
        value, low, high = (100 * v for v in found["differences"]["mean"][MAIN][TWIN])
        lines.append(
            f"{name} lost: {MAIN} against {TWIN}, the control for averaging: {value:+.1f} "
            f"[{low:+.1f}, {high:+.1f}]."
        )
    return [*lines, *LIMITS, *([] if earlier is None else [before(earlier)])]


def before(earlier: Mapping[str, Any]) -> str:
    """What the version before this one reached."""
    said = []
    for name, found in earlier["lost"].items():
        value, low, high = (100 * v for v in found["differences"]["mean"][MAIN]["drop+KD"])
        said.append(f"{value:+.1f} [{low:+.1f}, {high:+.1f}] where {name} was lost")
    return (
        f"The version before ({earlier['what']}; {len(earlier['seeds'])} seed) was read on the "
        f"test people too: {MAIN} against drop+KD {', '.join(said)}. The present one is that of "
        "the study of utterances, taken as it is."
    )


LIMITS: Final = (
    "The 2 s before a window are mostly the end of the person's take before, another expression.",
    "A first version was read on the test people of three folds of seed 0.",
    "There the past always lay in front of the windows, for drop+KD and for readers of recovery.",
    "Both were below drop+KD without it. So the design was changed after a look at test figures.",
)


def _points(values: Sequence[float] | None) -> dict[str, float] | None:
    return None if values is None else _interval([100 * v for v in values])


def _interval(values: Sequence[float]) -> dict[str, float]:
    value, low, high = values
    return {"value": value, "low": low, "high": high}
