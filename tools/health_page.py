"""The figures of docs/health.md, made from results/health/detection.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tacit.pipeline.health_rules import FINDINGS, transition_table
from tacit.pipeline.quality import MASKING, QualityFlag
from tacit.stream.packet import NS_PER_MS

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "health.md"
PLACES: Final = ("transitions", "findings", "thresholds", "alarms", "faults")
PARTS: Final = (("fit", "fitted on"), ("held_out", "held out"))


def rendered(page: str, report: Mapping[str, Any]) -> str:
    """The page with everything between its marks made anew.

    Raises:
        ValueError: a mark is missing.
    """
    made = {
        "transitions": transition_table(),
        "findings": findings_table(),
        "thresholds": thresholds_table(report["thresholds"]),
        "alarms": alarms_table(report),
        "faults": faults_table(report),
    }
    for place in PLACES:
        page = _placed(page, place, made[place])
    return page


def findings_table() -> str:
    """What each flag means."""
    lines = ["| flag | means | lasts before it counts | features |", "|---|---|---|---|"]
    for flag, finding in FINDINGS.items():
        used = "left out" if flag in MASKING else "used, trusted less"
        lines.append(f"| {flag} | {finding.signal} | {finding.dwell_ns // NS_PER_MS} ms | {used} |")
    lines.append(f"| {QualityFlag.QUIET} | nothing: a quiet room is no fault | – | used |")
    return "\n".join(lines)


def thresholds_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Where clean and broken recordings lie on each measure."""
    lines = [
        "| threshold | clean, nearest | fault, nearest | middle | shipped | apart |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['threshold']} | {row['clean']:g} | {row['fault']:g} | {row['middle']:g} | "
        f"{row['shipped']:g} | {'yes' if row['apart'] else 'no'} |"
        for row in rows
    ]
    return "\n".join(lines)


def alarms_table(report: Mapping[str, Any]) -> str:
    """False alarms on recordings that are as they should be."""
    lines = [
        "| recordings | stream | minutes | false alarms | per minute | digital silences |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        _alarms_row(f"clips, {words}", stream, report[part][f"clean_{stream}"])
        for part, words in PARTS
        for stream in ("audio", "face")
    ]
    lines.append(_alarms_row("voices, never fitted on", "audio", report["voices"]))
    told = [
        alarm
        for part, _ in PARTS
        for stream in ("audio", "face")
        for alarm in report[part][f"clean_{stream}"]["alarms"]
    ] + list(report["voices"]["alarms"])
    lines += ["", "False alarms one by one: " + ("; ".join(told) if told else "none") + "."]
    return "\n".join(lines)


def faults_table(report: Mapping[str, Any]) -> str:
    """How many faults were found in time, clips held out, and those fitted on beside them."""
    lines = [
        "| fault | limit, ms | found, held out | median, ms | worst, ms | found, fitted on |",
        "|---|---|---|---|---|---|",
    ]
    found = trials = 0
    for fit, held in zip(report["fit"]["faults"], report["held_out"]["faults"], strict=True):
        lines.append(
            f"| {held['fault']} | {held['limit_ms']} | {held['found']} of {held['trials']} | "
            f"{_number(held['median_ms'])} | {_number(held['worst_ms'])} | "
            f"{fit['found']} of {fit['trials']} |"
        )
        found, trials = found + held["found"], trials + held["trials"]
    share = 100 * found / trials
    missed = [m for row in report["held_out"]["faults"] for m in row["missed"]]
    lines += [
        "",
        f"Held out: {found} of {trials} found in time, {share:.1f} %. Missed: "
        + ("; ".join(missed) if missed else "none")
        + ".",
    ]
    return "\n".join(lines)


def _alarms_row(words: str, stream: str, row: Mapping[str, Any]) -> str:
    return (
        f"| {words} ({row['clips']}) | {stream} | {row['minutes']:g} | {len(row['alarms'])} | "
        f"{row['per_minute']:g} | {len(row['silences'])} |"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _placed(page: str, place: str, made: str) -> str:
    begin, end = f"<!-- {place}: tools/health_fit.py -->", f"<!-- /{place} -->"
    head, start, rest = page.partition(begin)
    _, stop, tail = rest.partition(end)
    if not start or not stop:
        raise ValueError(f"docs/health.md has no place for {place}: {begin} … {end}")
    return f"{head}{begin}\n{made}\n{end}{tail}"
