"""The audio stage on the bundled sample, with the shipped encoder."""

from pathlib import Path

import pytest

from tacit.pipeline.job import Go
from tacit.pipeline.stages.audio import AudioStage
from tacit.stream.packet import NS_PER_S
from tests.fakes.stage_runs import check_form, job

pytestmark = pytest.mark.media


def test_sound_gives_a_vector_for_every_40_ms_at_its_own_time(sample: Path) -> None:
    packets = list(AudioStage(job(sample)).packets(Go()))
    check_form(packets)
    times: list[int] = []
    for packet in packets[:-1]:
        start, step, delivered = (
            packet.meta[name] for name in ("frames_ns", "frame_ns", "watermark_ns")
        )
        assert isinstance(start, int)
        assert isinstance(step, int)
        assert isinstance(delivered, int)
        times += [start + k * step for k in range(len(packet.data))]
        assert delivered <= packet.t_end_ns
    assert times == [40_000_000 * k for k in range(len(times))]
    assert times[-1] >= packets[-1].t_capture_ns - 2 * 40_000_000


def test_a_hole_in_the_sound_restarts_the_count_at_real_time(sample: Path) -> None:
    packets = list(AudioStage(job(sample, "audio:drop@1-2.01")).packets(Go()))
    times = [p.meta["frames_ns"] for p in packets if p.kind == "feature" and len(p.data)]
    before = [t for t in times if isinstance(t, int) and t < 2 * NS_PER_S]
    after = [t for t in times if isinstance(t, int) and t >= 2 * NS_PER_S]
    assert before[-1] == 960_000_000
    assert after[0] == 2_020_000_000
