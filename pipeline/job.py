"""What a worker is told to do: plain records that travel as JSON."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ..stream.bus import BusOptions
from ..stream.endpoints import CurveKeys
from ..stream.packet import Modality
from .config import Settings


class Job(BaseModel):
    """One worker's task.

    Attributes:
        settings: the settings of the run.
        participant: whose streams.
        media: recording to read; None for the recognizer and for live stages.
        live: how many live streams a stage serves at a time, whose media it gets over the bus;
            0 for one that reads `media`.
        device: name of the microphone or camera that a capture worker reads.
        inject: damage specification, see `inject`.
        asr: folder of the Whisper weights; None when the text stage is off.
        epoch: how often this worker has been started before.
        publish: bus endpoint that it sends to.
        listen: bus endpoint that it receives from; None for stages that only send.
        keys: public and secret CURVE key of the session where the bus runs over TCP.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Settings
    participant: str = "p1"
    media: Path | None = None
    live: Annotated[int, Field(ge=0)] = 0
    device: str = ""
    inject: str = ""
    asr: Path | None = None
    epoch: int = 0
    publish: str = ""
    listen: str | None = None
    keys: tuple[str, str] | None = None

    @property
    def bus_options(self) -> BusOptions:
        """How to open bus ends with the other processes of the session."""
        if self.keys is None:
            return BusOptions()
        public, secret = (key.encode() for key in self.keys)
        return BusOptions(curve=CurveKeys(public, secret, frozenset({public})))


class Go(BaseModel):
    """Start signal, sent when every worker is ready, and to each one that comes back.

    Attributes:
        start_ns: session time from which to read the media.
        anchor_ns: monotonic clock reading that is session time 0; None to run as fast as possible.
        speed: session seconds per second when there is an anchor.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start_ns: int = 0
    anchor_ns: int | None = None
    speed: float = 1.0


MODALITY_OF_WORKER: dict[str, Modality] = {"face": "face", "audio": "audio", "text": "text"}

OFFERED = "offered_ns"
"""Name under which live media say when they came into the session's process, monotonic ns."""
STAMPS = "stamps"
"""Name under which live features say when their media were offered, taken and done with."""
PIECES = "pieces"
"""Name under which live features say of how many pieces of media they were made."""
OVERFLOWED = "overflow"
"""Name under which sound says that the device lost some right before it."""
BEAT = "beat"
"""Kind of the message by which a worker says that it lives."""
