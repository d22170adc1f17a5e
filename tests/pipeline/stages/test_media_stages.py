"""The face, audio and text stages on the bundled sample, with the shipped encoders."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tacit.pipeline.config import Settings
from tacit.pipeline.job import Go, Job
from tacit.pipeline.quality import QualityFlag
from tacit.pipeline.stages.audio import AudioStage
from tacit.pipeline.stages.build import build_stage
from tacit.pipeline.stages.face import FaceStage
from tacit.pipeline.stages.reports import quality_of
from tacit.pipeline.stages.text import TextStage
from tacit.stream.packet import NS_PER_S, Packet
from tests.fakes.tiny_whisper import build_tiny_whisper

pytestmark = pytest.mark.media


@dataclass(frozen=True)
class Heard:
    packets: list[Packet]

    @property
    def features(self) -> list[Packet]:
        return [p for p in self.packets if p.kind == "feature"]


def job(sample: Path, inject: str = "", **changes: object) -> Job:
    return Job(settings=Settings(asr="off"), media=sample, inject=inject).model_copy(update=changes)


@pytest.fixture(scope="module")
def face(sample: Path) -> Heard:
    return Heard(list(FaceStage(job(sample)).packets(Go())))


@pytest.fixture(scope="module")
def audio(sample: Path) -> Heard:
    return Heard(list(AudioStage(job(sample)).packets(Go())))


def check_form(packets: list[Packet]) -> None:
    assert [p.seq for p in packets] == list(range(len(packets)))
    assert [p.kind for p in packets].count("end") == 1
    assert packets[-1].kind == "end"
    available = [p.t_available_ns for p in packets]
    assert available == sorted(available)


def test_every_picture_is_checked_and_faces_are_read_at_a_bounded_rate(face: Heard) -> None:
    check_form(face.packets)
    read = [p for p in face.features if p.data.size]
    seconds = face.packets[-1].t_capture_ns / NS_PER_S
    assert len(face.features) == pytest.approx(30 * seconds, rel=0.02)
    assert len(read) == pytest.approx(15 * seconds, rel=0.05)
    assert {p.data.shape for p in read} == {(72,)}
    assert all(np.isfinite(p.data).all() for p in read)
    assert not any(quality_of(p.meta).masked for p in face.features)


def test_sound_gives_a_vector_for_every_40_ms_at_its_own_time(audio: Heard) -> None:
    check_form(audio.packets)
    times: list[int] = []
    for packet in audio.features:
        start, step = packet.meta["frames_ns"], packet.meta["frame_ns"]
        assert isinstance(start, int)
        assert isinstance(step, int)
        times += [start + k * step for k in range(len(packet.data))]
        assert packet.meta["watermark_ns"] <= packet.t_end_ns
    assert times == [40_000_000 * k for k in range(len(times))]
    assert times[-1] >= audio.packets[-1].t_capture_ns - 2 * 40_000_000


def test_a_hole_in_the_sound_restarts_the_count_at_real_time(sample: Path) -> None:
    packets = list(AudioStage(job(sample, "audio:drop@1-2.01")).packets(Go()))
    times = [p.meta["frames_ns"] for p in packets if p.kind == "feature" and len(p.data)]
    before = [t for t in times if isinstance(t, int) and t < 2 * NS_PER_S]
    after = [t for t in times if isinstance(t, int) and t >= 2 * NS_PER_S]
    assert before[-1] == 960_000_000
    assert after[0] == 2_020_000_000


def test_a_frozen_picture_is_neither_read_nor_good(sample: Path) -> None:
    packets = list(FaceStage(job(sample, "face:freeze@1-3")).packets(Go()))
    inside = [p for p in packets if 1.6 * NS_PER_S < p.t_capture_ns < 3 * NS_PER_S]
    assert inside
    assert not any(p.data.size for p in inside)
    assert all(QualityFlag.FROZEN in quality_of(p.meta).flags for p in inside)


def test_a_restarted_stage_goes_on_from_where_it_is_told(sample: Path, face: Heard) -> None:
    again = list(FaceStage(job(sample, epoch=1)).packets(Go(start_ns=10 * NS_PER_S)))
    assert again[0].t_capture_ns >= 10 * NS_PER_S
    assert {p.epoch for p in again} == {1}
    whole = [p.t_capture_ns for p in face.packets if p.t_capture_ns >= 10 * NS_PER_S]
    assert [p.t_capture_ns for p in again] == whole


def test_words_come_with_bounds_from_a_real_recogniser(sample: Path, tmp_path: Path) -> None:
    """The tiny model knows no English; what is tested is the path of real sound through it."""
    model = build_tiny_whisper(tmp_path / "whisper")
    packets = list(TextStage(job(sample, asr=model)).packets(Go()))
    check_form(packets)
    bounds = [p for p in packets if p.kind == "bound"]
    assert len(bounds) == pytest.approx(10 * packets[-1].t_capture_ns / NS_PER_S, rel=0.05)
    said = [p for p in packets if p.kind == "transcript"]
    assert any(p.meta["final"] for p in said)
    for packet in said:
        assert ("frame" in packet.meta) == bool(packet.data.size)


def test_stages_are_built_by_name(sample: Path) -> None:
    assert isinstance(build_stage("audio", job(sample)), AudioStage)
