"""The text stage on the bundled sample, with a real recogniser that knows no English."""

from pathlib import Path

import pytest

from tacit.pipeline.job import Go
from tacit.pipeline.stages.text import TextStage
from tacit.stream.packet import NS_PER_S
from tests.fakes.stage_runs import check_form, job
from tests.fakes.tiny_whisper import build_tiny_whisper

pytestmark = pytest.mark.media


def test_words_come_with_bounds_from_a_real_recogniser(sample: Path, tmp_path: Path) -> None:
    model = build_tiny_whisper(tmp_path / "whisper")
    packets = list(TextStage(job(sample, asr=model)).packets(Go()))
    check_form(packets)
    bounds = [p for p in packets if p.kind == "bound"]
    assert len(bounds) == pytest.approx(10 * packets[-1].t_capture_ns / NS_PER_S, rel=0.05)
    said = [p for p in packets if p.kind == "transcript"]
    assert any(p.meta["final"] for p in said)
    for packet in said:
        assert ("frame" in packet.meta) == bool(packet.data.size)
