"""What the hub makes of words that cannot be believed and of features that are no numbers."""

from dataclasses import replace
from typing import Any

import numpy as np

from tacit.models.features import Modality
from tacit.pipeline.health import Health
from tacit.pipeline.hub import Hub, Output, WindowJob, WindowRules, Words
from tacit.pipeline.quality import Quality, QualityFlag
from tacit.pipeline.stages.reports import feature_meta
from tacit.pipeline.window import WindowConfig
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet

DIMS: dict[Modality, int] = {"audio": 2, "face": 3, "text": 2}
BLOCK_NS = 100 * NS_PER_MS
QUIET = Quality(frozenset({QualityFlag.QUIET}))


def sound(t_ns: int, quality: Quality) -> Packet:
    end_ns = t_ns + BLOCK_NS
    meta = feature_meta(quality, BLOCK_NS, end_ns)
    values = np.ones(2, np.float32)
    return Packet("feature", "audio", "p1", "audio", 0, 0, t_ns, BLOCK_NS, end_ns, values, meta)


def bound(t_ns: int, lag_ns: int = 0) -> Packet:
    end_ns = t_ns + BLOCK_NS
    return Packet("bound", "text", "p1", "text", 0, 0, t_ns, BLOCK_NS, end_ns + lag_ns)


def words(t0_s: float, t1_s: float, at_s: float) -> Packet:
    t0_ns, t1_ns, at_ns = (round(s * NS_PER_S) for s in (t0_s, t1_s, at_s))
    meta: dict[str, Any] = {
        "final": True,
        "language": "en",
        "words": [["hello", t0_ns, t1_ns, 0.9]],
        "frame": [t0_ns, t1_ns - t0_ns, 1.0],
    }
    values = np.ones(2, np.float32)
    return Packet(
        "transcript", "text", "p1", "text", 0, 0, t0_ns, t1_ns - t0_ns, at_ns, values, meta
    )


def listening(quiet_from_s: float, seconds: float, *more: Packet) -> list[Output]:
    """Ten blocks of sound a second, its words' progress, and what else comes."""
    hub = Hub("p1", DIMS, WindowConfig(), WindowRules(), {"face": "off"})
    packets = list(more)
    for t_ns in range(0, round(seconds * NS_PER_S), BLOCK_NS):
        packets.append(sound(t_ns, QUIET if t_ns >= quiet_from_s * NS_PER_S else Quality()))
        packets.append(bound(t_ns))
    outputs = hub.start()
    for packet in sorted(packets, key=lambda p: (p.t_available_ns, p.kind)):
        outputs += hub.accept(packet)
    return outputs


def text_changes(outputs: list[Output]) -> list[tuple[str, str | None]]:
    found = [o for o in outputs if isinstance(o, Health) and o.modality == "text"]
    return [(change.state.value, change.reason) for change in found]


def said(outputs: list[Output]) -> int:
    return sum(isinstance(o, Words) for o in outputs)


def used(outputs: list[Output]) -> bool:
    return any(o.closed.window.mask["text"].any() for o in outputs if isinstance(o, WindowJob))


def test_words_that_were_heard_are_told_and_used() -> None:
    outputs = listening(99, 4, words(1.0, 1.6, 1.8))
    assert said(outputs) == 1
    assert used(outputs)
    assert text_changes(outputs) == [("ok", None)]


def test_words_in_a_quiet_room_are_left_out_and_flagged() -> None:
    outputs = listening(0.5, 4, words(1.0, 1.6, 1.8))
    assert said(outputs) == 0
    assert not used(outputs)
    assert ("degraded", "babble") in text_changes(outputs)


def test_words_that_miss_all_their_windows_are_flagged_as_late() -> None:
    outputs = listening(99, 7, words(1.0, 1.6, 5.6))
    assert ("degraded", "late") in text_changes(outputs)
    assert not used(outputs)


def test_recognition_that_lags_is_flagged_as_late() -> None:
    hub = Hub("p1", DIMS, WindowConfig(), WindowRules(), {"face": "off"})
    outputs = hub.start()
    for t_ns in range(0, 2 * NS_PER_S, BLOCK_NS):
        outputs += hub.accept(bound(t_ns))
    outputs += hub.accept(bound(2 * NS_PER_S, lag_ns=1700 * NS_PER_MS))
    assert text_changes(outputs) == [("ok", None), ("degraded", "late")]


def test_features_that_are_no_numbers_flag_their_sensor_and_reach_no_window() -> None:
    bad = np.full(2, np.nan, np.float32)
    hub = Hub("p1", DIMS, WindowConfig(), WindowRules(), {"face": "off", "text": "off"})
    outputs = hub.start()
    for t_ns in range(0, 4 * NS_PER_S, BLOCK_NS):
        packet = sound(t_ns, Quality())
        if NS_PER_S <= t_ns < 2 * NS_PER_S:
            packet = replace(packet, data=bad)
        outputs += hub.accept(packet)
    changes = [(o.state.value, o.reason) for o in outputs if isinstance(o, Health)]
    assert ("degraded", "nonfinite") in changes
    assert hub.counts()["audio"].dropped == {"nonfinite": 10}
    windows = [o.closed.window for o in outputs if isinstance(o, WindowJob)]
    assert windows
    assert all(np.isfinite(w.values["audio"]).all() for w in windows)
