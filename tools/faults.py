"""Breaks Tacit in fifty ways, measures how soon it notices and recovers, and writes it down.

python tools/faults.py list
python tools/faults.py run                                  # all; also `make faults`
python tools/faults.py run --fault camera-frozen            # one; --row 20 for those of a row
python tools/faults.py run --fault camera-frozen --replay talk.mp4 --at 4 --for 3
python tools/faults.py campaign --times 20                  # every worker, every way, at random
python tools/faults.py render                               # docs/reliability.md from the results
"""

import gc
import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tacit.pipeline.commands.inject import inject_command
from tacit.pipeline.faults.outcome import Verdict
from tools.fault_rows.campaign import run_campaign
from tools.fault_rows.catalog import all_faults, in_running_order
from tools.fault_rows.registry import Fault, Setting
from tools.fault_rows.render import render_page
from tools.fault_rows.rig import Rig

RESULTS: Final = Path("results/faults")
TABLE: Final = RESULTS / "table.jsonl"
CAMPAIGN: Final = RESULTS / "campaign.json"
PAGE: Final = Path("docs/reliability.md")

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@contextmanager
def settings(folder: Path) -> Iterator[Any]:
    """Gives a new setting for each fault; the engine starts when the first of them needs it."""
    made: list[Rig] = []

    def rig() -> Rig:
        if not made:
            made.append(Rig(folder))
        return made[0]

    count = 0

    def setting() -> Setting:
        nonlocal count
        count += 1
        for each in made:
            each.tidy()
        own = folder / str(count)
        own.mkdir()
        return Setting(own, rig)

    try:
        yield setting
    finally:
        for each in made:
            left = each.close()
            if left:
                typer.echo(f"left behind: processes {left}", err=True)


def quiet() -> None:
    """Only what this program says is to be read: faults make much noise in every log."""
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def chosen(name: str | None, row: int | None) -> list[Fault]:
    """Faults that were asked for.

    Raises:
        typer.BadParameter: there are none of that name or row.
    """
    faults = [
        fault
        for fault in in_running_order()
        if (name is None or fault.name == name) and (row is None or fault.row == row)
    ]
    if not faults:
        what = f"--fault {name}" if name is not None else f"--row {row}"
        raise typer.BadParameter(f"{what}: no such fault; see `python tools/faults.py list`")
    return faults


@app.command("list")
def list_faults() -> None:
    """Name all faults."""
    for fault in all_faults().values():
        first = (fault.run.__doc__ or "").splitlines()[:1]
        typer.echo(f"{fault.row:>2} {fault.level} {fault.name:<28} {' '.join(first)}")


@app.command("run")
def run(
    name: Annotated[str | None, typer.Option("--fault", help="One fault; see `list`.")] = None,
    row: Annotated[int | None, typer.Option(help="All faults of one row.")] = None,
    replay: Annotated[
        Path | None, typer.Option("--replay", help="Break a sensor of this recording instead.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Break what this machine's devices give instead.")
    ] = False,
    served: Annotated[
        str | None, typer.Option("--served", help="Break a session of this server instead.")
    ] = None,
    at: Annotated[float, typer.Option(min=0, help="With these three: when, in seconds.")] = 4.0,
    lasts: Annotated[float, typer.Option("--for", min=0.5, help="And for how long.")] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write JSON lines here.")] = None,
) -> None:
    """Run faults, one line each; the exit code says whether all passed.

    With --replay, --live or --served this is `tacit inject`, which see for what there is.
    """
    quiet()
    if replay is not None or live or served is not None:
        inject_command(
            name or "all", replay, live, served, at=at, lasts=lasts, as_json=as_json, asr="off"
        )
        return
    began_s, verdicts = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder, settings(Path(folder)) as setting:
        for fault in chosen(name, row):
            verdict = fault.judge(setting())
            verdicts.append(verdict)
            typer.echo(json.dumps(verdict.as_json()) if as_json else verdict.line())
            if out is not None:
                write(out, verdicts, time.monotonic() - began_s)
            gc.collect()
    failed = sum(verdict.status == "FAIL" for verdict in verdicts)
    if not as_json:
        rows = {verdict.row for verdict in verdicts}
        skipped = sum(verdict.status == "skipped" for verdict in verdicts)
        typer.echo(
            f"{len(verdicts)} faults of {len(rows)} rows: {len(verdicts) - failed - skipped} pass, "
            f"{failed} fail, {skipped} not run here, {time.monotonic() - began_s:.0f} s"
        )
    raise typer.Exit(1 if failed else 0)


@app.command("campaign")
def campaign(
    times: Annotated[int, typer.Option(help="How often each worker is broken in each way.")] = 20,
    seed: Annotated[int, typer.Option(help="Chooses the order.")] = 0,
    out: Annotated[Path, typer.Option(help="Where to write the result.")] = CAMPAIGN,
) -> None:
    """Break each worker of a running session in each way, so many times, in random order."""
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        result = run_campaign(Path(folder), times, seed, typer.echo)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(about() | result, indent=1) + "\n", encoding="utf-8")
    typer.echo(json.dumps(result["summary"]))
    raise typer.Exit(0 if result["summary"]["passed"] else 1)


@app.command("render")
def render(
    table: Annotated[Path, typer.Option(help="Results of `run --out`.")] = TABLE,
    page: Annotated[Path, typer.Option(help="Page to write.")] = PAGE,
) -> None:
    """Write the page about reliability from measured results."""
    lines = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    found = json.loads(CAMPAIGN.read_text(encoding="utf-8")) if CAMPAIGN.exists() else None
    page.write_text(render_page(lines, found), encoding="utf-8")
    typer.echo(f"{page}: {len(lines) - 1} faults")


def write(out: Path, verdicts: list[Verdict], took_s: float) -> None:
    """Write results as JSON lines; the first says where and when they were measured."""
    lines = [about() | {"took_s": round(took_s)}, *(verdict.as_json() for verdict in verdicts)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def about() -> dict[str, Any]:
    """Where and when something was measured."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    app()
