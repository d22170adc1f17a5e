from typing import Any

import numpy as np
import pytest

from tacit.models.face_encoder import FaceReader, FaceReading
from tacit.stream.packet import NS_PER_S
from tools.health_clips import RATE_HZ, Clip
from tools.health_faults import FAULTS, Fault
from tools.health_fit import alarms, changes, clean_minutes, listen, try_fault, watch

BY_NAME = {fault.name: fault for fault in FAULTS}


class OneFace(FaceReader):
    """Sees one face in every picture that is not a wall."""

    def __init__(self) -> None:
        self.read_count = 0

    def read(self, image_bgr: Any, t_ns: int) -> FaceReading:
        self.read_count += 1
        return FaceReading(faces=1, values=np.zeros(4, np.float32))

    def restart(self) -> None:
        pass


def clip() -> Clip:
    rng = np.random.default_rng(0)
    gate = np.repeat(np.arange(20) % 4 > 0, RATE_HZ // 10)
    sound = (np.where(gate, 0.1, 1e-3) * rng.standard_normal(2 * RATE_HZ)).astype(np.float32)
    pictures = []
    for k in range(25):
        picture = np.full((120, 160, 3), 120, np.uint8)
        picture[:, 60 + k : 100 + k] = 60
        pictures.append(picture)
    return Clip("a", sound, tuple(pictures), 25.0)


def test_clean_streams_raise_nothing_and_pictures_are_read_twice_at_most() -> None:
    reader = OneFace()
    for modality in ("audio", "face"):
        found = clean_minutes([clip()], modality, reader, 12.0)
        assert (found["minutes"], found["alarms"], found["per_minute"]) == (0.2, [], 0.0)
    assert reader.read_count <= 2 * 25


@pytest.mark.parametrize(
    "name",
    ["sound: digital silence", "sound: no data", "sound: not numbers", "picture: frozen",
     "picture: no data", "picture: black"],
)  # fmt: skip
def test_a_fault_is_found_in_time(name: str) -> None:
    trial = try_fault(clip(), BY_NAME[name], [], OneFace())
    assert trial.detected_ms is not None
    assert trial.detected_ms <= BY_NAME[name].within_s * 1000
    assert trial.told in BY_NAME[name].reasons


def test_a_fault_that_nobody_sees_is_a_miss() -> None:
    unseen = Fault("picture: noise", "face", frozenset({"noisy"}), 1.0, "face:occlude=0.05")
    assert try_fault(clip(), unseen, [], OneFace()).detected_ms is None


def test_changes_come_from_the_stream_and_from_its_end() -> None:
    whole = clip()
    heard = changes(listen(whole.hear(2.0)), "audio", 4.0)
    assert [(c.state.value, c.reason) for c in heard] == [
        ("ok", None), ("degraded", "no_data"), ("lost", "no_data")
    ]  # fmt: skip
    seen = changes(watch(whole.watch(2.0), OneFace()), "face", 4.0)
    assert len(alarms(seen)) == 2
    assert alarms(seen, 5 * NS_PER_S) == []
