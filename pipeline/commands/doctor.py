"""`tacit doctor`."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ..config import load_settings
from ..doctor import Finding, examine
from .options import AsrOption, ConfigOption, WeightsOption


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what this machine has for Tacit, what is missing, and how to get it.

    Exits with 1 when something is missing that Tacit cannot do without.
    """
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
