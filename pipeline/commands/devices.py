"""`tacit devices`."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ...stream.camera import list_cameras
from ...stream.errors import DeviceError
from ...stream.microphone import list_microphones


def devices_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the microphones and cameras of this machine by the names that other commands take.

    Nothing is opened or recorded.
    """
    found: dict[str, Any] = {"microphones": [], "cameras": [], "problem": None}
    try:
        found["microphones"] = [asdict(info) for info in list_microphones()]
    except DeviceError as exc:
        found["problem"] = str(exc)
    found["cameras"] = [asdict(info) for info in list_cameras()]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    console = Console()
    console.print(_table(found))
    if found["problem"]:
        console.print(found["problem"], style="yellow")
    if not found["microphones"] and not found["problem"]:
        console.print("No microphone: connect one, and allow this program to use it.")
    if not found["cameras"]:
        console.print("No camera: connect one; a URL such as http://…/cam.mjpg works as well.")


def _table(found: dict[str, Any]) -> Table:
    table = Table("kind", "name", "", title="Devices")
    for device in found["microphones"]:
        default = ", default" if device["default"] else ""
        source = ", whichever the system has chosen" if device["any_source"] else ""
        about = f"{device['channels']} channels, {device['rate_hz']} Hz{default}{source}"
        table.add_row("microphone", device["name"], about)
    for device in found["cameras"]:
        table.add_row("camera", device["name"], f"number {device['number']}")
    return table
