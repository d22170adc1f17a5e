"""What a request comes to on this machine: which stages run, and which cannot and why."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..models.errors import ModelError
from ..models.features import MODALITIES, Modality
from ..models.manifest import read_verified
from ..models.whisper_weights import REPOSITORIES, resolve_whisper
from ..stream.endpoints import BusPlace
from ..stream.mediafile import MediaInfo
from ..stream.packet import NS_PER_MS
from ..stream.replayed import probe
from .config import ConfigError, Settings
from .consent import Terms, terms_for
from .doctor import checkpoints
from .events import ModalityStart
from .health_rules import HealthState
from .inject import is_off, parse_injections
from .job import Job
from .window import WindowConfig

_HASH_BYTES: Final = 1 << 20
NO_SOUND: Final = "no_audio_stream"
NO_PICTURES: Final = "no_video_stream"
SWITCHED_OFF: Final = "switched_off"
OPTIONAL_ASR: Final = frozenset({"off", "auto", *REPOSITORIES})
"""Settings under which the rest goes on without words; a folder that is wrong is a mistake."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to replay and how.

    Attributes:
        media: the recording.
        settings: see `Settings`.
        inject: damage specification, see `inject`.
        speed: session seconds per second; None for as fast as possible.
        inline: run everything in one process.
        participant: name of the person recorded.
        source: what events call the recording; its file name by default.
        terms: purpose and consent; None: those of whoever runs the program.

    Raises:
        ConsentError: no session may begin under these terms.
    """

    media: Path
    settings: Settings
    inject: str = ""
    speed: float | None = None
    inline: bool = False
    participant: str = "p1"
    source: str = ""
    terms: Terms | None = None

    def __post_init__(self) -> None:
        """Refuse terms under which nobody may be read, before anything is opened."""
        object.__setattr__(self, "terms", terms_for(self.participant, self.terms))


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run.

    Attributes:
        info: what the recording holds.
        jobs: per modality that runs.
        disabled: per modality that doesn't, why.
        session_id: the same for the same recording and request.
    """

    info: MediaInfo
    jobs: dict[Modality, Job]
    disabled: dict[Modality, str]
    session_id: str

    @property
    def starts(self) -> dict[Modality, ModalityStart]:
        """How each modality starts into the session."""
        return starts_of(self.disabled)


def make_plan(request: ReplayRequest) -> Plan:
    """Check everything that can be checked before a process is started.

    Raises:
        MediaError: the recording cannot be read.
        InjectError: the damage specification is wrong.
        CheckpointError: weights are missing or damaged.
        ModelError: the speech model that was asked for is not there.
        ConfigError: nothing is left to read.
    """
    injections = parse_injections(request.inject)
    info = probe(request.media)
    for kind in checkpoints(request.settings.weights):
        read_verified(request.settings.weights / kind, kind)
    disabled: dict[Modality, str] = {}
    if info.audio is None:
        disabled |= {"audio": NO_SOUND, "text": NO_SOUND}
    if info.video is None:
        disabled["face"] = NO_PICTURES
    disabled |= {m: SWITCHED_OFF for m in MODALITIES if is_off(injections, m)}
    asr: Path | None = None
    if "text" not in disabled:
        whisper = resolve_whisper(request.settings.asr)
        if whisper.path is None and request.settings.asr not in OPTIONAL_ASR:
            raise ModelError(whisper.reason)
        asr = whisper.path
        if asr is None:
            disabled["text"] = whisper.reason
    job = Job(
        settings=request.settings,
        participant=request.participant,
        media=request.media.absolute(),
        inject=request.inject,
        asr=asr,
    )
    jobs = {m: job for m in MODALITIES if m not in disabled}
    if not jobs:
        raise ConfigError(f"--inject {request.inject}: every modality is off, nothing is left")
    return Plan(info, jobs, disabled, _session_id(request))


def starts_of(disabled: Mapping[Modality, str]) -> dict[Modality, ModalityStart]:
    """How each modality starts into a session."""
    return {
        m: ModalityStart(
            state=HealthState.DISABLED if m in disabled else HealthState.STARTING,
            reason=disabled.get(m),
        )
        for m in MODALITIES
    }


def window_config(settings: Settings) -> WindowConfig:
    """How windows are cut, in ns."""
    windows = settings.windows
    try:
        return WindowConfig(
            grid=windows.grid,
            hop_ns=windows.hop_ms * NS_PER_MS,
            grace_ns=windows.grace_ms * NS_PER_MS,
            text_grace_ns=windows.text_grace_ms * NS_PER_MS,
        )
    except ValueError as exc:
        raise ConfigError(f"windows: {exc}") from exc


def on_bus(job: Job, place: BusPlace, name: str) -> Job:
    """The job with its endpoint and keys."""
    keys = None
    if place.curve is not None:
        keys = (place.curve.public.decode(), place.curve.secret.decode())
    return job.model_copy(update={"publish": place.endpoint(name), "keys": keys})


def _session_id(request: ReplayRequest) -> str:
    digest = hashlib.sha256(request.inject.encode())
    with request.media.open("rb") as file:
        while chunk := file.read(_HASH_BYTES):
            digest.update(chunk)
    return f"replay-{digest.hexdigest()[:16]}"
