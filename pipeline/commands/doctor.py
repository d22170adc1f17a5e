"""`tacit doctor`."""

import json
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from ..config import load_settings
from ..doctor import Finding, examine
from ..doctor_live import ServerState, ask, in_words
from .options import AsrOption, ConfigOption, WeightsOption

SERVER: Final = "http://127.0.0.1:8765"


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Ask a running server instead: do its books balance?")
    ] = False,
    url: Annotated[str, typer.Option(help="The server that --live asks.")] = SERVER,
    token: Annotated[str, typer.Option(help="What that server wants to be shown.")] = "",
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what this machine has for Tacit, what is missing, and how to get it.

    Exits with 1 when something is missing that Tacit cannot do without. With --live it asks a
    running server where everything went that was handed over, and exits with 1 when an item is
    not accounted for.

    tacit doctor --live --url http://127.0.0.1:8765
    """
    if live:
        _show_server(ask(url, token), as_json=as_json)
        return
    settings = load_settings(config, {"asr": asr, "weights": weights})
    findings = list(examine(settings))
    if as_json:
        typer.echo(json.dumps([_fields(f) for f in findings], indent=2))
    else:
        _print_findings(findings)
    if any(f.status == "missing" for f in findings):
        raise typer.Exit(1)


def _fields(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in ("name", "status", "detail", "remedy")}


def _print_findings(findings: list[Finding]) -> None:
    marks = {"ok": "[green]✔[/]", "optional": "[yellow]–[/]", "missing": "[red]✘[/]"}
    table = Table("", "what", "found", "to do", box=None, padding=(0, 2))
    for finding in findings:
        table.add_row(marks[finding.status], finding.name, finding.detail, finding.remedy)
    Console().print(table)


def _show_server(state: ServerState, *, as_json: bool) -> None:
    rows = [
        {
            "place": row.place,
            "stream": row.stream,
            "offered": row.offered,
            "used": row.used,
            "dropped": dict(row.dropped),
            "in_flight": row.in_flight,
            "balanced": row.balanced,
        }
        for row in state.handovers
    ]
    if as_json:
        typer.echo(json.dumps({"handovers": rows, "figures": state.figures}, indent=2))
    else:
        table = Table("", "hand-over", "stream", "offered", "used", "under way", "dropped")
        for row in state.handovers:
            mark = "[green]✔[/]" if row.balanced else "[red]✘[/]"
            numbers = (str(n) for n in (row.offered, row.used, row.in_flight))
            dropped = in_words(sorted(row.dropped.items()))
            table.add_row(mark, row.place, row.stream, *numbers, dropped)
        Console().print(table)
        for name, value in sorted(state.figures.items()):
            if name.startswith(("worker_", "sessions", "overload")):
                typer.echo(f"{name.replace('_', ' ')}: {value:g}")
        if not state.handovers:
            typer.echo("no session yet: nothing was handed over")
    if state.unbalanced:
        raise typer.Exit(1)
