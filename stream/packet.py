"""The unit that travels: one timed piece of one stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Modality = Literal["audio", "face", "text"]
MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)

Scalar = None | bool | int | float | str
Meta = Mapping[str, "Scalar | list[Any] | dict[str, Any]"]

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """One timed piece of one stream; times are integer ns of the session clock.

    Attributes:
        kind: what `data` is: "media", "feature", "transcript", "bound", "status" or "end".
        modality: stream it belongs to.
        participant: whose stream.
        source: name of the device, file or worker that made it.
        epoch: counts restarts of the source; seq starts anew with each.
        seq: counts packets of this source within the epoch, from 0, without holes.
        t_capture_ns: when its first sample was captured.
        duration_ns: how long a stretch it covers.
        t_available_ns: when it could first be used, on the same clock; late data has a larger one.
        data: audio (N,) float32 in [-1, 1] mono, image (H, W, 3) uint8 BGR, features (D,) float32
            or (F, D) for F consecutive frames, or empty.
        meta: small facts about it; only msgpack types.
    """

    kind: str
    modality: Modality
    participant: str
    source: str
    epoch: int
    seq: int
    t_capture_ns: int
    duration_ns: int
    t_available_ns: int
    data: NDArray[Any] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    meta: Meta = field(default_factory=dict)

    @property
    def t_end_ns(self) -> int:
        """End of the stretch that the packet covers."""
        return self.t_capture_ns + self.duration_ns
