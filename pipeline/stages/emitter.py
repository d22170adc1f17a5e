"""Numbers a stage's packets and keeps their availability in order."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...stream.packet import Modality, Packet

_NOTHING: NDArray[np.float32] = np.zeros(0, dtype=np.float32)


class Emitter:
    """Makes the packets of one source.

    A stage is a pipe: what went in later cannot come out earlier, so availability never decreases.

    Args:
        modality: stream of the source.
        participant: whose.
        epoch: how often the source has been restarted.
    """

    def __init__(self, modality: Modality, participant: str, epoch: int) -> None:
        self._modality = modality
        self._participant = participant
        self._epoch = epoch
        self._seq = 0
        self._available_ns = 0

    def packet(
        self,
        kind: str,
        cause: Packet,
        data: NDArray[Any] = _NOTHING,
        meta: Mapping[str, Any] | None = None,
        span_ns: tuple[int, int] | None = None,
    ) -> Packet:
        """A packet caused by a media packet.

        Args:
            kind: kind of the new packet.
            cause: media packet that led to it; gives times.
            data: its payload.
            meta: its facts.
            span_ns: start and duration when they are not those of the cause.
        """
        self._available_ns = max(self._available_ns, cause.t_available_ns)
        start_ns, duration_ns = span_ns or (cause.t_capture_ns, cause.duration_ns)
        made = Packet(
            kind=kind,
            modality=self._modality,
            participant=self._participant,
            source=self._modality,
            epoch=self._epoch,
            seq=self._seq,
            t_capture_ns=start_ns,
            duration_ns=duration_ns,
            t_available_ns=self._available_ns,
            data=data,
            meta=meta or {},
        )
        self._seq += 1
        return made

    def end(self, t_end_ns: int) -> Packet:
        """The last packet: the stream has ended at `t_end_ns`."""
        self._available_ns = max(self._available_ns, t_end_ns)
        return Packet(
            "end",
            self._modality,
            self._participant,
            self._modality,
            self._epoch,
            self._seq,
            t_end_ns,
            0,
            self._available_ns,
        )
