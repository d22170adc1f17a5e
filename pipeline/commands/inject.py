"""`tacit inject`."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from ..config import load_settings
from ..faults.sensors import SENSOR_FAULTS, FaultError, sensor_faults
from ..faults.targets import Devices, Recording, Server, Target, When
from .live import devices_of
from .options import AsrOption, CameraOption, ConfigOption, MicrophoneOption, WeightsOption

EXIT_FAILED: Final = 1


def inject_command(
    fault: Annotated[str, typer.Argument(help="Which fault, or all; --list names them.")] = "all",
    replay: Annotated[
        Path | None, typer.Option("--replay", help="Break a sensor of this recording.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Break what this machine's devices give.")
    ] = False,
    served: Annotated[
        str | None, typer.Option("--served", help="Break a session of a server at this address.")
    ] = None,
    at: Annotated[float, typer.Option(min=0, help="When, seconds from the start.")] = 4.0,
    lasts: Annotated[float, typer.Option("--for", min=0.5, help="How long, seconds.")] = 3.0,
    session: Annotated[str, typer.Option(help="With --served: which session.")] = "",
    token: Annotated[str, typer.Option(help="With --served: what the server wants shown.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per fault.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Name the faults and end.")] = False,
    microphone: MicrophoneOption = "default",
    camera: CameraOption = "default",
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Break a sensor on purpose, and measure how soon that is noticed and over.

    One line per fault: detected and used again, against their limits; the largest gap between
    results; what was lost and why. Exits with 1 when a limit is broken.

    tacit inject camera-frozen --replay talk.mp4 --at 2 --for 2

    tacit inject all --replay talk.mp4

    tacit inject microphone-zeros --live

    tacit inject camera-stops --served http://127.0.0.1:8765
    """
    if listed:
        for known in SENSOR_FAULTS.values():
            typer.echo(f"{known.name:<20} {known.about}")
        return
    faults, when = sensor_faults(fault), When(at, lasts)
    settings = load_settings(config, {"asr": asr, "weights": weights})
    if sum((replay is not None, live, served is not None)) != 1:
        raise FaultError("give one of --replay FILE, --live and --served URL")
    if replay is not None:
        target: Target = Recording(replay, settings)
    elif live:
        target = Devices(devices_of(microphone, camera), settings)
    else:
        assert served is not None
        target = Server(served.rstrip("/"), token, session)
    failed = False
    for each in faults:
        verdict = target.run(each, when)
        failed |= verdict.status == "FAIL"
        typer.echo(json.dumps(verdict.as_json()) if as_json else verdict.line())
    if failed:
        raise typer.Exit(EXIT_FAILED)
