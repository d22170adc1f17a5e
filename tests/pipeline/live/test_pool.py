"""The pool's own rules with a real audio worker."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.feeds import StartError
from tacit.pipeline.job import OFFERED, PIECES, STAMPS, Job
from tacit.pipeline.live.pool import StagePool
from tacit.pipeline.plan import on_bus
from tacit.pipeline.supervisor import RestartRule
from tacit.stream.endpoints import bus_place
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.fixture
def job() -> Iterator[Job]:
    with bus_place() as place:
        made = on_bus(Job(settings=Settings(asr="off"), live=2), place, "audio")
        yield made.model_copy(update={"listen": place.endpoint("to-audio")})


def sound(name: str, k: int, kind: str = "media") -> Packet:
    t_ns = k * 20 * NS_PER_MS
    noise = np.random.default_rng(k).normal(0, 0.1, 320).astype(np.float32)
    meta = {OFFERED: time.monotonic_ns()}
    return Packet(kind, "audio", name, "mic", 0, k, t_ns, 20 * NS_PER_MS, t_ns, noise, meta)


def test_media_of_several_streams_come_back_as_features(job: Job, tmp_path: Path) -> None:
    pool = StagePool({"audio": job}, tmp_path)
    try:
        assert not pool.up("audio")
        assert not pool.send("audio", sound("a", 0))
        pool.launch()
        pool.ready()
        assert pool.up("audio")
        assert not pool.send("face", sound("a", 0))
        for k in range(30):
            assert pool.send("audio", sound("a", k))
            assert pool.send("audio", sound("b", k))
        assert pool.send("audio", sound("a", 30, "end"))
        found: list[Packet] = []
        deadline = time.monotonic() + 60
        while not any(p.kind == "end" for p in found):
            found += pool.receive()
            assert time.monotonic() < deadline
            assert pool.look_after(time.monotonic_ns()) == []
        features = [p for p in found if p.kind == "feature" and p.participant == "a"]
        pieces = [p.meta[PIECES] for p in features]
        assert sum(pieces) == 30  # type: ignore[arg-type]
        assert sum(len(p.data) for p in features) >= 14
        for packet in features:
            stamps: Any = packet.meta[STAMPS]
            offered, taken, done = stamps
            assert offered <= taken <= done
        # Nobody owes an answer to the end of a stream that has ended, or never began.
        list(pool.receive())
        worker = pool.workers["audio"]
        for name in ("a", "nobody"):
            assert pool.send("audio", sound(name, 31, "end"))
        much_later_ns = time.monotonic_ns() + 30 * NS_PER_S
        assert pool.look_after(much_later_ns) == []
        assert pool.send("audio", sound("c", 0))
        while not list(pool.receive()):
            assert time.monotonic() < deadline
            assert pool.look_after(time.monotonic_ns()) == []
        assert pool.workers["audio"] == worker
    finally:
        pool.close()
    assert pool.workers == {"audio": None}


def test_a_worker_that_cannot_start_is_named_with_its_last_words(job: Job, tmp_path: Path) -> None:
    broken = job.model_copy(update={"settings": Settings(asr="off", weights=tmp_path / "none")})
    pool = StagePool({"audio": broken}, tmp_path, RestartRule(breaker_deaths=1))
    try:
        pool.launch()
        with pytest.raises(StartError, match=r"audio worker: exit code 3: .*no checkpoint"):
            pool.ready()
    finally:
        pool.close()
