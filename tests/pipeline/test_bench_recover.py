import itertools
from pathlib import Path

import pytest

from tacit.models.errors import CheckpointError
from tacit.pipeline import bench_recover as bench
from tacit.pipeline.bench_recover import BENCHED, as_text, bench_recover, compare, rows
from tacit.pipeline.config import Settings


@pytest.mark.timeout(300)
def test_the_student_is_timed_beside_its_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "TEACHER_STEPS", 8)
    monkeypatch.setattr(bench, "BENCHED", BENCHED[1:2])
    report = bench_recover(Settings(), 10)
    assert set(report["cpu"]) == {BENCHED[1]}
    assert report["backend"] == "onnxruntime"
    assert {backend for _, backend, _ in rows(report)} == {"onnxruntime", "torch"}
    for _, _, figures in rows(report):
        assert 0.0 < figures["student_p50_ms"] <= figures["student_p95_ms"]
        assert 0.0 < figures["student_cpu_p50_ms"] <= figures["student_p95_ms"]
        assert figures["faster_cpu"] > 1.5
        assert 0.0 < figures["drawing_student_cpu_p50_ms"] < figures["student_cpu_p50_ms"]
    assert (
        report["by_samples"]["32"]["student_cpu_p50_ms"]
        > (report["by_samples"]["1"]["student_cpu_p50_ms"])
    )
    assert report["cuda"]["available"] in (True, False)
    text = as_text(report)
    assert f"{BENCHED[1]} " in text
    assert "8 steps" in text


def test_both_run_and_the_teacher_less_often() -> None:
    student, teacher = itertools.count(), itertools.count()
    found = compare(lambda: next(student), lambda: next(teacher), 20)
    assert next(student) == 25
    assert next(teacher) == 3
    assert set(found) >= {"student_p50_ms", "teacher_p95_ms", "faster"}


def test_weights_without_a_recovery_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="fusion"):
        bench_recover(Settings(weights=tmp_path), 10)
