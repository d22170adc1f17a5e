"""`tacit live`."""

from typing import Annotated

import typer

from ...models.features import Modality
from ...stream.camera import find_camera
from ...stream.microphone import find_microphone
from ..config import load_settings
from ..inject import parse_injections
from ..live.engine import Opening
from ..live.run import LiveRun
from .options import AsrOption, ConfigOption, InjectOption, JsonOption, WeightsOption
from .play import play

OFF = "off"


def live_command(
    microphone: Annotated[
        str,
        typer.Option(help="Name or part of a name from `tacit devices`, or off."),
    ] = "default",
    camera: Annotated[
        str,
        typer.Option(help="Name, number or URL (http://…/cam.mjpg), or off."),
    ] = "default",
    seconds: Annotated[
        float | None, typer.Option(min=1, help="How long; until Ctrl-C if left out.")
    ] = None,
    json_path: JsonOption = None,
    inject: InjectOption = "",
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Read the expressed emotion from this machine's microphone and camera, on the terminal.

    Nothing is recorded and nothing leaves the machine. A device that is unplugged is said to be
    lost, looked for by its name, and taken up again.

    [bold]Examples[/bold]

    tacit live

    tacit live --camera off --microphone "USB Mic" --seconds 60 --json events.jsonl
    """
    settings = load_settings(config, {"asr": asr, "weights": weights})
    parse_injections(inject)
    devices: dict[Modality, str] = {}
    absent: dict[Modality, str] = {}
    # A name that is wrong from the start is a mistake; one that goes away later is waited for.
    if microphone == OFF:
        absent["audio"] = "switched_off"
    else:
        devices["audio"] = find_microphone(microphone)[1].name
    if camera == OFF:
        absent["face"] = "switched_off"
    else:
        find_camera(camera)
        devices["face"] = camera
    if not devices:
        raise typer.BadParameter("microphone and camera are both off: nothing would be read")
    opening = Opening(source="devices", absent=absent, inject=inject, views=False)
    play(LiveRun(settings, devices, opening, seconds), json_path)
