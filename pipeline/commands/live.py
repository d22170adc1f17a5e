"""`tacit live`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import typer

from ...models.features import Modality
from ...stream.camera import name_camera
from ...stream.errors import DeviceError
from ...stream.microphone import find_microphone
from ..config import load_settings
from ..consent import DEFAULT_PURPOSE, OPERATOR, Terms
from ..inject import parse_injections
from ..live.engine import Opening
from ..live.run import LiveRun
from .options import (
    AsrOption,
    CameraOption,
    ConfigOption,
    ConsentOption,
    ExceptionOption,
    InjectOption,
    JsonOption,
    MicrophoneOption,
    PurposeOption,
    ReasonOption,
    SecondsOption,
    WeightsOption,
)
from .play import play

OFF: Final = "off"


def live_command(
    microphone: MicrophoneOption = "default",
    camera: CameraOption = "default",
    seconds: SecondsOption = None,
    json_path: JsonOption = None,
    inject: InjectOption = "",
    purpose: PurposeOption = DEFAULT_PURPOSE,
    consent: ConsentOption = OPERATOR,
    exception: ExceptionOption = "",
    reason: ReasonOption = "",
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
    terms = Terms("p1", purpose, consent, exception, reason)
    settings = load_settings(config, {"asr": asr, "weights": weights})
    devices = devices_of(microphone, camera)
    opening = opening_on(devices, inject, terms)
    play(LiveRun(settings, devices, opening, seconds), json_path)


def devices_of(microphone: str, camera: str) -> dict[Modality, str]:
    """The devices that options name, by modality; those that are off are left out.

    A name that is wrong from the start is a mistake; a device that goes away later is waited for.
    "default" is settled here: what is the default by then must not take the place of a device that
    was unplugged.

    Raises:
        DeviceError: there is no such device.
        BadParameter: both are off.
    """
    devices: dict[Modality, str] = {}
    if microphone != OFF:
        with _way_out("--microphone"):
            devices["audio"] = find_microphone(microphone)[1].name
    if camera != OFF:
        with _way_out("--camera"):
            devices["face"] = name_camera(camera)
    if not devices:
        raise typer.BadParameter("microphone and camera are both off: nothing would be read")
    return devices


@contextmanager
def _way_out(option: str) -> Iterator[None]:
    try:
        yield
    except DeviceError as exc:
        raise DeviceError(f"{exc} ({option} {OFF} goes without)") from exc


def opening_on(devices: Mapping[Modality, str], inject: str, terms: Terms) -> Opening:
    """A session on these devices.

    Raises:
        InjectError: the damage cannot be understood.
    """
    parse_injections(inject)
    places: tuple[Modality, ...] = ("audio", "face")
    absent: dict[Modality, str] = {m: "switched_off" for m in places if m not in devices}
    if "audio" in absent:
        absent["text"] = absent["audio"]
    return Opening(terms.participant, "devices", absent, inject, views=False, terms=terms)
