"""Writes docs/reliability.md from measured results; no figure on that page is typed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tacit.pipeline.faults.outcome import LEVELS, drops_text
from tools.fault_rows.table import ROWS

MARKS: Final = {"pass": "yes", "FAIL": "**no**", "skipped": "not run"}

HEAD: Final = """# Reliability

Tacit promises to keep working, honestly, when sensors fail. This page says what that means, and
what was measured. It is written by `python tools/faults.py render` from the results of `make
faults`; no figure on it is typed.

## What is promised

| what | at most |
|---|---|
| between two results, whatever single thing fails, while one modality lives | 2 hops (1 s) |
| until a sensor whose content stops is flagged as degraded | 0.3 s; 0.5 s over a network |
| until it is flagged as lost | 1 s; 2 s over a network |
| until what it gives is used again | 2 s; five good pieces where only its content was bad |
| until a dead worker is noticed, and replaced | 50 ms, and 2 s and the loading of its models |
| until a worker that hangs is ended | 10 s |
| until the place of a peer that vanished is free | 10 s |
| what a recording loses when its process is killed | 1 record |
| until wrong settings or damaged weights are refused | 2 s |
| until everything has ended after SIGTERM | 5 s |

Nothing measured means no emotion: every window then abstains. What was recovered is marked, and
never counts as measured. Every piece that is lost is counted, with a reason.

Where a rule itself takes as long as its limit (a microphone that gives zeros for half a second),
the limit is a tick of health, 50 ms, more. A worker that dies for the second time within a minute
waits 2 s by its back-off, so those rows allow 3 s.

## How it was measured
"""

HOW: Final = """
Times are what a viewer sees: from the moment of the fault until the event came out of the session,
and from its end until features were used again. Faults are injected where they would happen, and
nothing downstream is told. Levels:

{levels}

To run them: `make faults` (all; it fails when one does), `python tools/faults.py list`, `python
tools/faults.py run --fault camera-frozen`, `python tools/faults.py run --row 20`. On a recording, a
live session or a server of your own: `tacit inject --help`.

## All faults

"""

CAMPAIGN: Final = """
## Workers under attack

`python tools/faults.py campaign --times {times}` breaks every worker of a running session in every
way (killed, stopped, out of memory), {times} times each, in random order: {incidents} incidents.
Measured {about}.

| what | found |
|---|---|
| windows missing | {missing} |
| largest gap between results | {gap} hops |
| workers that never came back | {never} |
| processes left behind | {orphans} |
| memory, descriptors and threads of the session's process | {grown} |
| median time until the worker was back, loading included | {back} |
"""

TAIL: Final = """
## By hand

No camera, microphone, phone or browser of a person takes part in the table. With them at hand,
check what is left:

{manual}

For each: the sensor is flagged within the times above, results go on, and it is used again after.

## What this does not show

Loss on a network is random and independent here, on loopback; no real Wi-Fi was used. How browsers
behave when they are killed, and what drivers do when a device is pulled out, differs from machine
to machine: the process around each of them is what Tacit relies on. The times hold for the machine
named above.
"""


def render_page(
    lines: Sequence[Mapping[str, Any]], campaign: Mapping[str, Any] | None = None
) -> str:
    """The page.

    Args:
        lines: of a result file: first where it was measured, then one per fault.
        campaign: result of a campaign, if there is one.
    """
    about, faults = lines[0], lines[1:]
    parts = [HEAD, _about(about, faults), _how(), _table(faults), _checks(faults)]
    if campaign is not None:
        parts.append(_campaign(campaign))
    return "".join([*parts, _tail()])


def _about(about: Mapping[str, Any], faults: Sequence[Mapping[str, Any]]) -> str:
    count = {status: sum(f["status"] == status for f in faults) for status in MARKS}
    rows = len({f["row"] for f in faults})
    return (
        f"\n{where(about)}. {len(faults)} faults of {rows} rows in {about['took_s']} s: "
        f"{count['pass']} within all limits, {count['FAIL']} not, {count['skipped']} not run.\n"
    )


def where(about: Mapping[str, Any]) -> str:
    """Where and when something was measured, in words."""
    return (
        f"On {about['date']}, {about['cores']} cores, {about['system']}, Python {about['python']}, "
        f"load {about['load_1min']} at the end"
    )


def _how() -> str:
    return HOW.format(levels="\n".join(f"- **{name}**: {what}" for name, what in LEVELS.items()))


def _table(faults: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| row | level | fault | detected, ms | used again, ms | gap, hops | lost | holds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for number, row in ROWS.items():
        found = [fault for fault in faults if fault["row"] == number]
        lines.append(f"| **{number}** | | **{row.fault}**: {row.expected} | | | | | |")
        for fault in found:
            cells = (
                "",
                fault["level"],
                f"`{fault['fault']}`",
                _of(fault["detected_ms"], fault["detect_limit_ms"]),
                _of(fault["recovered_ms"], fault["recover_limit_ms"]),
                _of(fault["gap_hops"], fault["gap_limit_hops"]),
                drops_text(fault["drops"]),
                MARKS[fault["status"]],
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _of(value: float | None, limit: float | None) -> str:
    if value is None:
        return "–" if limit is None else f"never ≤ {limit:g}"
    shown = f"{value:g}" if value < 10 else f"{value:.0f}"
    return shown if limit is None else f"{shown} ≤ {limit:g}"


def _checks(faults: Sequence[Mapping[str, Any]]) -> str:
    lines = ["\n## What else was checked\n"]
    for fault in faults:
        for check in fault["checks"]:
            found = str(check["found"]).replace("\n", " ")
            shown = f" ({found})" if found and len(found) <= 120 else ""
            mark = "" if check["passed"] else "**does not hold**: "
            lines.append(f"- `{fault['fault']}`: {mark}{check['name']}{shown}")
    return "\n".join(lines) + "\n"


def _campaign(campaign: Mapping[str, Any]) -> str:
    summary, incidents = campaign["summary"], campaign["incidents"]
    back = sorted(i["back_ms"] for i in incidents if i["back_ms"] is not None)
    grown = summary["grown"]
    return CAMPAIGN.format(
        times=campaign["times"],
        incidents=summary["incidents"],
        about=where(campaign)[0].lower() + where(campaign)[1:],
        missing=summary["windows_missing"],
        gap=summary["worst_gap_hops"],
        never=summary["never_back"],
        orphans=summary["orphans"],
        grown=f"{grown['mib']:+g} MiB, {grown['descriptors']:+g}, {grown['threads']:+g}",
        back=f"{back[len(back) // 2]} ms" if back else "–",
    )


def _tail() -> str:
    manual = [f"- Row {n}: {row.by_hand}" for n, row in ROWS.items() if row.by_hand]
    return TAIL.format(manual="\n".join(manual))
