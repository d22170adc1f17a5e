"""What was asked for and what was reached, line by line, from result files.

See `tools/models_summary.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tools.models_page import ALLOWED, NAMES, points, share_name
from tools.result_tables import load, table

ENCODERS: Final = ("face", "audio", "text")
ECE_LIMIT: Final = 0.05
VOICE: Final = "courses"
"""The recipe of the voice that ships."""


class Line(NamedTuple):
    """One thing that was asked for.

    Attributes:
        what: in words.
        target: in words.
        reached: a figure, a figure with its interval, or words.
        met: whether it was; None where it was not measured.
    """

    what: str
    target: str
    reached: Any
    met: bool | None


def asked(lines: Sequence[Line]) -> str:
    """What was asked for, as a table; a figure by its value, not by the end of its interval."""
    words = {True: "met", False: "**not met**", None: "not measured"}
    body = [[line.what, line.target, line.reached, words[line.met]] for line in lines]
    return table(["what", "target", "reached", ""], body)


def at_least(what: str, target: float, value: Any) -> Line:
    """A line that is met from a target upwards."""
    number = value["value"] if isinstance(value, Mapping) else value
    met = None if number is None else number >= target
    return Line(what, f"≥ {target:g}", value, met)


def span(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A figure of flat fields `x`, `x_low` and `x_high`."""
    return {
        "value": fields[name],
        "low": fields.get(f"{name}_low"),
        "high": fields.get(f"{name}_high"),
    }


def encoder_lines(results: Path) -> Iterator[Line]:
    """Face, voice and words on their test parts."""
    face, audio, text = (load(results / "encoders" / f"{kind}.json") for kind in ENCODERS)
    if face:
        points_of = face["final"]["test"]
        accurate, balanced = points_of["accurate"], points_of["balanced"]
        yield at_least("face, FER+ test: accuracy", 0.91, span(accurate, "accuracy"))
        yield at_least("face, balanced: accuracy", 0.89, span(balanced, "accuracy"))
        yield at_least("face, balanced: UAR", 0.82, span(balanced, "uar"))
    if audio:
        test = audio["final"]["test"]
        crossed = [a["cv_all"] for a in audio["approaches"] if a["name"] == VOICE and a["cv_all"]]
        for found in crossed:
            what = f"voice, {found['folds']} folds over {found['actors']} actors: UAR"
            yield at_least(what, 0.7, found["uar"])
        yield at_least("voice, RAVDESS actors 17–20: UAR", 0.7, span(test, "uar"))
        yield at_least("voice, the same at 10 dB: UAR", 0.58, test["snr"]["10"])
    if text:
        final = text["final"]
        macro = final["goemotions_macro_f1"]
        meld = final["meld_weighted_f1"]
        for what, target, found in (
            ("words, GoEmotions-Ekman test: macro-F1", 0.62, macro),
            ("words, MELD test: weighted F1", 0.6, meld),
        ):
            value = {"value": found["test"], "low": found["low"], "high": found["high"]}
            yield at_least(what, target, value)


def shipped_lines(results: Path) -> Iterator[Line]:
    """Calibration of the shipped recovery, and that it is nowhere below leaving out."""
    found = load(results / "recovery" / "paired.json")
    if not found:
        return
    gate = found["gate"]
    gaps = gap_names(gate)
    errors = {gap: gate[f"test.{gap}.final_ece"] for gap in gaps}
    good = sum(value <= ECE_LIMIT for value in errors.values())
    worst = max(errors, key=lambda gap: errors[gap])
    said = f"{good} of {len(gaps)}; worst {errors[worst]:.3f} ({worst})"
    yield Line("ECE of the answer, by gap", f"≤ {ECE_LIMIT}", said, good == len(gaps))
    below = [g for g in gaps if gate[f"test.{g}.final_accuracy"] < gate[f"test.{g}.drop_accuracy"]]
    said = f"{len(gaps) - len(below)} of {len(gaps)} gaps"
    yield Line("answer not below leaving out: accuracy", "all gaps", said, not below)
    surer = [
        g for g in gaps if gate[f"test.{g}.final_confidence"] > gate[f"test.{g}.whole_confidence"]
    ]
    said = f"{len(gaps) - len(surer)} of {len(gaps)} gaps"
    yield Line("mean confidence not above the whole window's", "all gaps", said, not surer)


def study_lines(results: Path) -> Iterator[Line]:
    """What ours had to be on real pairs."""
    for name in ("ravdess", "mosi"):
        found = load(results / "study" / f"{name}.json")
        for share, part in (found or {"shares": {}})["shares"].items():
            rows = part["rows"]
            label = f"{name.upper()}, {share_name(share).lower()}"
            if name == "ravdess":
                yield from drop_lines(label, rows, float(share))
                yield from other_lines(label, rows)
            else:
                yield from clean_lines(label, rows)
            yield from step_lines(label, rows)


def drop_lines(label: str, rows: Mapping[str, Any], share: float) -> Iterator[Line]:
    """Ours against drop+KD under fixed subsets and random missing."""
    for group in ("fixed", "random"):
        if "behind" not in rows.get("dropkd", {}):
            return
        value = rows["dropkd"]["behind"]["uar"][group]
        met = value[1] >= -ALLOWED if share == 1.0 else value[1] > 0.0
        target = "low end ≥ −0.5 points" if share == 1.0 else "low end > 0"
        yield Line(f"{label}: ours − drop+KD, {group}", target, points(value), met)


def clean_lines(label: str, rows: Mapping[str, Any]) -> Iterator[Line]:
    """Ours against drop where text is Tacit's own: not below it, and no less likely."""
    behind = rows.get("drop", {}).get("behind")
    if behind is None:
        return
    for group in ("fixed", "random"):
        value = behind["uar"][group]
        yield Line(f"{label}: ours − drop, {group}", "≥ 0 points", points(value), value[0] >= 0.0)
    value, low, high = behind["nll"]["fixed"]
    said = f"{value:+.4f} [{low:+.4f}, {high:+.4f}]"
    yield Line(f"{label}: calibrated NLL, ours − drop, fixed", "≤ 0 nats", said, value <= 0.0)


RIVALS: Final = (
    "drop", "drop.tuned", "drop.two", "regression", "nearest", "random", "zero", "mean", "one",
    "euler1",
)  # fmt: skip
"""Rows that ours has to be above."""


def other_lines(label: str, rows: Mapping[str, Any]) -> Iterator[Line]:
    """Ours against the other rows that were named, and the plug-in case."""
    behind = {n: rows[n]["behind"]["uar"]["fixed"] for n in RIVALS if "behind" in rows.get(n, {})}
    if behind:
        least = min(behind, key=lambda n: behind[n][1])
        above = sum(value[1] > 0.0 for value in behind.values())
        said = f"{above} of {len(behind)}; least {word(least)} {points(behind[least])}"
        yield Line(
            f"{label}: ours above the others, fixed", "low end > 0", said, above == len(behind)
        )
    for name in ("plugin.zero", "plugin.mean"):
        if "behind" in rows.get(name, {}):
            value = rows[name]["behind"]["uar"]["fixed"]
            what = f"{label}: plug-in, ours − {word(name)}"
            yield Line(what, "low end > 0", points(value), value[1] > 0.0)


def step_lines(label: str, rows: Mapping[str, Any]) -> Iterator[Line]:
    """A student of two steps or fewer against the teacher."""
    for name in ("student1.k32", "student2.k32"):
        if "behind" in rows.get(name, {}):
            value = rows[name]["behind"]["uar"]["fixed"]
            what = f"{label}: teacher@50 − {name.split('.')[0].replace('student', 'student@')}"
            yield Line(what, "≤ 0.5 points", points(value), value[0] <= ALLOWED)


def stream_lines(results: Path) -> Iterator[Line]:
    """Recovery with the past against doing without."""
    found = load(results / "streams" / "summary.json")
    if not found:
        return
    for lost, part in found["lost"].items():
        above = part["differences"]["mean"]["recovery, soft gate"]
        for name in ("drop+KD", "hold last", "drop+KD given the past"):
            what = f"streams, {lost} lost: recovery − {name}"
            yield Line(what, "low end > 0", points(above[name]), above[name][1] > 0.0)


CAUSAL: Final = "running"


def baseline_lines(results: Path) -> Iterator[Line]:
    """What a causal baseline keeps of what all clips of a person would give."""
    found = load(results / "baseline" / "ravdess.json")
    for people, parts in (found or {"splits": {}})["splits"].items():
        for features, part in parts.items():
            kept = part["figures"][CAUSAL]["share"][0]
            what = f"baseline, {people}, {features}: {CAUSAL} keeps of the transductive gain"
            yield at_least(what, 0.5, kept)


def speed_lines(results: Path) -> Iterator[Line]:
    """Time of recovery and fusion."""
    found = load(results / "bench" / "recover.json")
    if not found:
        yield Line("recover + fuse, batch 1, one CPU thread: p50", "≤ 8 ms", None, None)
        return
    worst = max((f[found["backend"]] for f in found["cpu"].values()), key=by_student)
    said = f"{worst['student_p50_ms']:.1f} ms (CPU {worst['student_cpu_p50_ms']:.1f} ms)"
    met = worst["student_p50_ms"] <= 8.0
    yield Line("recover + fuse, batch 1, one CPU thread: p50", "≤ 8 ms", said, met)
    for key, what in (("drawing_", "drawing what is lost"), ("", "the fusion's reading included")):
        ratios = [f[found["backend"]][f"{key}faster_cpu"] for f in found["cpu"].values()]
        said = f"{min(ratios):.1f}x to {max(ratios):.1f}x (CPU time)"
        line = f"student faster than teacher@50, {what}"
        yield Line(line, "≥ 20x", said, min(ratios) >= 20.0)
    cuda = found["cuda"]
    yield Line("the same on a GPU", "≤ 1.5 ms", cuda.get("note"), None)


def by_student(figures: Mapping[str, float]) -> float:
    """Sorts by the student's time."""
    return figures["student_p50_ms"]


FINDERS: Final[tuple[Callable[[Path], Iterator[Line]], ...]] = (
    encoder_lines, shipped_lines, study_lines, stream_lines, baseline_lines, speed_lines,
)  # fmt: skip


def word(name: str) -> str:
    """A method's short name."""
    return NAMES[name].replace("**", "").split(":")[0].split(" (")[0]


def gap_names(gate: Mapping[str, float]) -> list[str]:
    """Gaps of a manifest's figures."""
    found = [key.split(".")[1] for key in gate if key.startswith("test.")]
    return sorted(set(found), key=lambda gap: (len(gap.split("|")[0].split("+")), gap))
