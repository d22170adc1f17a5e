"""The face stage on the bundled sample, with the shipped encoder."""

from pathlib import Path

import numpy as np
import pytest

from tacit.pipeline.job import Go
from tacit.pipeline.quality import QualityFlag
from tacit.pipeline.stages.face import FaceStage
from tacit.pipeline.stages.reports import quality_of
from tacit.stream.packet import NS_PER_S, Packet
from tests.fakes.stage_runs import check_form, job

pytestmark = pytest.mark.media


@pytest.fixture(scope="module")
def face(sample: Path) -> list[Packet]:
    return list(FaceStage(job(sample)).packets(Go()))


def test_every_picture_is_checked_and_faces_are_read_at_a_bounded_rate(face: list[Packet]) -> None:
    check_form(face)
    features = [p for p in face if p.kind == "feature"]
    read = [p for p in features if p.data.size]
    seconds = face[-1].t_capture_ns / NS_PER_S
    assert len(features) == pytest.approx(30 * seconds, rel=0.02)
    assert len(read) == pytest.approx(10 * seconds, rel=0.05)
    assert {p.data.shape for p in read} == {(72,)}
    assert all(np.isfinite(p.data).all() for p in read)
    assert not any(quality_of(p.meta).masked for p in features)


def test_a_frozen_picture_is_neither_read_nor_good(sample: Path) -> None:
    packets = list(FaceStage(job(sample, "face:freeze@1-3")).packets(Go()))
    inside = [p for p in packets if 1.6 * NS_PER_S < p.t_capture_ns < 3 * NS_PER_S]
    assert inside
    assert not any(p.data.size for p in inside)
    assert all(QualityFlag.FROZEN in quality_of(p.meta).flags for p in inside)


def test_a_restarted_stage_goes_on_from_where_it_is_told(sample: Path, face: list[Packet]) -> None:
    again = list(FaceStage(job(sample, epoch=1)).packets(Go(start_ns=10 * NS_PER_S)))
    assert again[0].t_capture_ns >= 10 * NS_PER_S
    assert {p.epoch for p in again} == {1}
    whole = [p.t_capture_ns for p in face if p.t_capture_ns >= 10 * NS_PER_S]
    assert [p.t_capture_ns for p in again] == whole
