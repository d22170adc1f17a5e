"""The whole graph on real media: events, damage, determinism, kills, interrupts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.pipeline.config import load_settings
from tacit.pipeline.events import Event, read_event, to_json_line, without_latency
from tacit.pipeline.plan import ReplayRequest
from tacit.pipeline.runner import replay

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

Fields = dict[str, Any]


def request(media: Path, inject: str = "", *, inline: bool = True) -> ReplayRequest:
    settings = load_settings(overrides={"asr": "off"}, environ={})
    return ReplayRequest(media, settings, inject, None, inline)


def events(media: Path, inject: str = "", *, inline: bool = True) -> list[Fields]:
    with replay(request(media, inject, inline=inline)) as session:
        return [as_fields(event) for event in session]


def as_fields(event: Event) -> Fields:
    line = to_json_line(event)
    read_event(line)  # every event keeps to the schema
    fields: Fields = json.loads(line)
    return fields


def results(found: list[Fields]) -> list[Fields]:
    return [e for e in found if e["type"] == "measurement.result"]


def health(found: list[Fields], modality: str) -> list[Fields]:
    return [e for e in found if e["type"] == "sensor.health" and e["modality"] == modality]


def sources(found: list[Fields], modality: str) -> dict[int, str]:
    return {r["window"]["end_ms"]: r["modalities"][modality]["source"] for r in results(found)}


def test_the_sample_is_read_window_by_window(sample: Path) -> None:
    found = events(sample)
    with replay(request(sample)) as session:
        duration_ms = session.duration_ms
    ends = [r["window"]["end_ms"] for r in results(found)]
    assert ends == list(range(500, duration_ms + 1, 500))
    assert set(sources(found, "audio").values()) == {"measured"}
    assert set(sources(found, "face").values()) == {"measured"}
    assert set(sources(found, "text").values()) == {"absent"}
    for result in results(found):
        total = sum(e["probability"] for e in result["fused"]["emotions"])
        assert total == pytest.approx(1.0, abs=1e-3)
    assert found[0]["type"] == "session.ready"
    assert found[-1]["type"] == "session.closed"
    assert [e["seq"] for e in found] == list(range(len(found)))


def test_processes_and_one_process_give_the_same_events(sample: Path) -> None:
    inline = [without_latency(e) for e in events(sample, "face:freeze@2-4")]
    first = [without_latency(e) for e in events(sample, "face:freeze@2-4", inline=False)]
    second = [without_latency(e) for e in events(sample, "face:freeze@2-4", inline=False)]
    assert first == inline
    assert second == first


def test_a_frozen_face_is_found_recovered_and_taken_back(sample: Path) -> None:
    found = events(sample, "face:freeze@2-4")
    degraded, lost = health(found, "face")[1:3]
    assert (degraded["state"], degraded["reason"]) == ("degraded", "frozen")
    assert degraded["t_ms"] <= 2600
    assert lost["state"] == "lost"
    assert lost["t_ms"] <= 3000
    back = next(h for h in health(found, "face")[3:] if h["state"] == "ok")
    assert back["t_ms"] <= 6000
    face = sources(found, "face")
    assert [face[t] for t in (2500, 3000, 3500, 4000)] == ["recovered"] * 4
    assert face[2000] == face[5000] == "measured"
    assert set(sources(found, "audio").values()) == {"measured"}


@pytest.mark.parametrize(
    ("inject", "modality", "state", "reason"),
    [
        ("face:black@2-4", "face", "lost", "black"),
        ("face:drop@2-4", "face", "lost", "no_data"),
        ("audio:drop@2-4", "audio", "lost", "no_data"),
        ("audio:mute@2-4", "audio", "muted", "silent"),
        ("audio:clip@2-4", "audio", "degraded", "clipped"),
    ],
)
def test_each_kind_of_damage_is_found(
    sample: Path, inject: str, modality: str, state: str, reason: str
) -> None:
    found = events(sample, inject)
    alarms = [h for h in health(found, modality) if 2000 <= h["t_ms"] <= 4000]
    assert (state, reason) in [(h["state"], h["reason"]) for h in alarms]
    assert next(h for h in alarms if h["state"] != "ok")["t_ms"] <= 2700
    if reason != "clipped":  # what is not clipped between loud words is still measured
        # Who mutes may mean it: nothing is guessed then.
        wanted = "absent" if state == "muted" else "recovered"
        assert sources(found, modality)[3500] == wanted
    assert health(found, modality)[-1]["state"] == "ok"
    assert health(found, modality)[-1]["t_ms"] <= 6000


def test_nothing_measured_means_no_emotion(sample: Path) -> None:
    found = events(sample, "face:drop@0-4,audio:mute@0-4")
    dark = next(r for r in results(found) if r["window"]["end_ms"] == 3000)
    assert dark["fused"]["abstained"] is True
    assert dark["fused"]["emotions"] is None
    assert dark["fused"]["valence"] is None
    assert set(sources(found, "face").values()) == {"absent", "measured"}


def test_a_late_stream_arrives_late_and_changes_no_time(sample: Path) -> None:
    plain, late = events(sample), events(sample, "face:delay=0.1")
    assert [r["window"] for r in results(late)] == [r["window"] for r in results(plain)]
    assert set(sources(late, "face").values()) == {"measured"}


def test_a_modality_that_is_off_is_disabled_from_the_start(sample: Path) -> None:
    found = events(sample, "face:off")
    assert found[0]["modalities"]["face"] == {"state": "disabled", "reason": "switched_off"}
    assert set(sources(found, "face").values()) == {"absent"}


class Running:
    """A `tacit replay` at the speed of the recording, followed through its JSON lines."""

    def __init__(self, media: Path, out: Path) -> None:
        self.out = out
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tacit.pipeline.cli", "replay", str(media)),
                *("--speed", "1", "--asr", "off", "--json", str(out)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def lines(self) -> list[Fields]:
        text = self.out.read_text() if self.out.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def wait_for(self, end_ms: int) -> None:
        deadline = time.monotonic() + 100
        while not any(r["window"]["end_ms"] >= end_ms for r in results(self.lines())):
            assert self.process.poll() is None, self.process.stderr
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def workers(self) -> dict[str, int]:
        """Process ids by worker name."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            if parent == self.process.pid and "tacit.pipeline.worker" in words:
                found[words[words.index("tacit.pipeline.worker") + 1]] = int(folder.name)
        return found


@pytest.fixture
def running(sample: Path, tmp_path: Path) -> Iterator[Running]:
    run = Running(sample, tmp_path / "out.jsonl")
    yield run
    if run.process.poll() is None:
        os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    assert run.process.stderr is not None
    run.process.stderr.close()


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_face_worker_is_flagged_and_replaced(running: Running) -> None:
    running.wait_for(1500)
    workers = running.workers()
    assert {"audio", "face", "recognizer"} <= set(workers)
    os.kill(workers["face"], signal.SIGKILL)
    assert running.process.wait(100) == 0
    found = running.lines()
    ends = [r["window"]["end_ms"] for r in results(found)]
    assert ends == list(range(500, ends[-1] + 1, 500))
    assert any(e["type"] == "error" and e["code"] == "worker_died" for e in found)
    alarms = [(h["state"], h["reason"]) for h in health(found, "face")]
    assert ("lost", "worker_died") in alarms
    assert health(found, "face")[-1]["state"] == "ok"
    assert sources(found, "face")[ends[-1]] == "measured"
    assert not any(alive(pid) for pid in workers.values())


def test_a_killed_recognizer_loses_no_window(running: Running) -> None:
    running.wait_for(1500)
    os.kill(running.workers()["recognizer"], signal.SIGKILL)
    assert running.process.wait(100) == 0
    ends = [r["window"]["end_ms"] for r in results(running.lines())]
    assert ends == list(range(500, ends[-1] + 1, 500))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_processes_and_leaves_whole_lines(
    running: Running, number: signal.Signals
) -> None:
    running.wait_for(1000)
    workers = running.workers()
    began = time.monotonic()
    os.killpg(running.process.pid, number) if number == signal.SIGINT else os.kill(
        running.process.pid, number
    )
    assert running.process.wait(20) == 130
    assert time.monotonic() - began < 5
    assert not any(alive(pid) for pid in workers.values())
    text = running.out.read_text()
    assert text.endswith("\n")
    assert running.lines()[-1] | {"reason": "interrupted"} == running.lines()[-1]
    assert running.process.stderr is not None
    assert b"Traceback" not in running.process.stderr.read()


def test_workers_end_with_their_parent(running: Running) -> None:
    running.wait_for(1000)
    workers = running.workers()
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in workers.values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "measured", "absent"),
    [
        ("retalk_face1.mp4", {"audio", "face"}, set()),
        ("ravdess_01-01-07-02-02-01-01_1.mp4", {"audio", "face"}, set()),
        ("grid/bbaf2n.mpg", {"audio", "face"}, set()),
        ("jfk.flac", {"audio"}, {"face"}),
    ],
)
def test_real_clips_are_read(
    data_root: Path, name: str, measured: set[str], absent: set[str]
) -> None:
    found = events(data_root / "media" / name)
    assert len(results(found)) >= 5
    for modality in measured:
        assert set(sources(found, modality).values()) == {"measured"}
        assert all(h["state"] == "ok" for h in health(found, modality))
    for modality in absent:
        assert set(sources(found, modality).values()) == {"absent"}
