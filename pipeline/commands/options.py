"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..config import ConfigError, load_settings
from ..consent import PURPOSES

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file with settings; TACIT_CONFIG names one as well."),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option("--weights", help="Folder with model checkpoints instead of the shipped ones."),
]
JsonOption = Annotated[
    Path | None, typer.Option("--json", help="Write every event as one JSON object per line.")
]
AsrOption = Annotated[
    str | None,
    typer.Option(
        "--asr", help="Speech to text: a folder with Whisper weights, a model name, auto or off."
    ),
]
BaselineOption = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        help="See the person against their own baseline: a file from tacit calibrate.",
    ),
]
InjectOption = Annotated[
    str,
    typer.Option(
        help="Damage to try out, e.g. face:freeze@2-4,audio:drop@3-5,text:off "
        "(kinds: drop, freeze, black, noise, mute, clip, delay, off)."
    ),
]
MicrophoneOption = Annotated[
    str, typer.Option(help="Name or part of a name from tacit devices, or off.")
]
CameraOption = Annotated[str, typer.Option(help="Name, number or URL (http://…/cam.mjpg), or off.")]
SecondsOption = Annotated[
    float | None, typer.Option(min=1, help="How long; until Ctrl-C if left out.")
]
RetentionOption = Annotated[
    int | None,
    typer.Option(min=1, max=36_500, help="Days after which tacit purge --expired deletes it."),
]
SpeedOption = Annotated[
    str, typer.Option(help="max, or 1 for as fast as it was recorded, 2 for twice that.")
]
PurposeOption = Annotated[
    str,
    typer.Option(help="What this is for: " + ", ".join(p.code for p in PURPOSES) + "."),
]
ConsentOption = Annotated[
    str, typer.Option(help="Identifier of the consent of whoever is seen and heard.")
]
ExceptionOption = Annotated[
    str, typer.Option(help="medical or safety: what alone allows workplace and education.")
]
ReasonOption = Annotated[str, typer.Option(help="Why the exception holds, 10 characters or more.")]
InprocOption = Annotated[
    bool, typer.Option("--inproc", help="Run everything in one process; same events.")
]


def parse_speed(text: str) -> float | None:
    """Read --speed; None for as fast as possible.

    Raises:
        ConfigError: neither "max" nor a number in range.
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.05 <= speed <= 100:
        raise ConfigError(f"--speed {text}: give max, or a number from 0.05 to 100")
    return speed


def baseline_overrides(profile: Path | None, config: Path | None) -> dict[str, Any]:
    """What --baseline changes in the settings; a running baseline that they ask for stays."""
    if profile is None:
        return {}
    mode = load_settings(config).baseline.mode
    return {
        "baseline.profile": str(profile),
        "baseline.mode": "declared" if mode == "off" else mode,
    }
