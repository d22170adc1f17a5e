"""Measures how long it takes to recover what is lost and to read the result: `tacit bench recover`.

Student and teacher are timed in turn in the same run, so that their ratio does not hang on what
else the machine does.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch

from ..models.checkpoint import load, restore
from ..models.features import MODALITIES, FeatureWindow, Float32, Modality, PastTokens
from ..models.fusion import Fusion
from ..models.labels import EMOTIONS
from ..models.recognizer import KIND as FUSION
from ..models.recognizer import read_config
from ..models.recovery.plan import GAPS
from ..models.recovery.runtime import KIND, Known, Recovery, load_teacher, never
from .bench import machine
from .config import Settings

TEACHER_STEPS: Final = 50
BENCHED: Final = ("audio+text|face", "audio|face", "audio|face+text")
"""One modality lost of three, one of two, two of three."""

WARM_UP: Final = 5
Timed = Callable[[], object]


def bench_recover(settings: Settings, repeats: int) -> dict[str, Any]:
    """Time recovery and fusion of one window, batch 1, on one CPU thread; on a GPU if there is one.

    Args:
        settings: name the weights.
        repeats: readings per gap.

    Returns:
        per gap, for the recovery alone and for recovery and fusion: student and teacher in ms, p50
        and p95, and how many times faster the student is.

    Raises:
        CheckpointError: weights are missing or damaged.
    """
    torch.set_num_threads(1)
    tensors, manifest = load(settings.weights / FUSION, FUSION)
    config = read_config(manifest, settings.weights / FUSION)[0]
    fusion = Fusion(config)
    restore(fusion, tensors, settings.weights / FUSION)
    folder = settings.weights / KIND
    student = Recovery.load(folder, manifest.sha256)
    teacher = student.taught(load_teacher(folder), TEACHER_STEPS)
    found = {}
    for gap in BENCHED:
        found[gap] = of_gap(gap, fusion, (student, teacher), repeats)
    return {
        "bench": "recover",
        "samples": student.plan.samples,
        "student_steps": student.plan.steps,
        "teacher_steps": TEACHER_STEPS,
        "repeats": repeats,
        "cpu": found,
        "cuda": on_cuda(student, fusion, repeats),
        "machine": machine(settings) | {"threads": 1},
    }


UNIFORM: Final[Float32] = np.full(len(EMOTIONS), 1.0 / len(EMOTIONS), dtype=np.float32)


def of_gap(
    gap: str, fusion: Fusion, pair: tuple[Recovery, Recovery], repeats: int
) -> dict[str, dict[str, float]]:
    """Student and teacher on one window, without and with the fusion."""
    student, teacher = pair
    known = some_window(gap, fusion)
    condition = student.condition(fusion, known)
    return {
        "recover": compare(
            lambda: student.samples(condition), lambda: teacher.samples(condition), repeats
        ),
        "recover_and_fuse": compare(
            lambda: student.read(fusion, known, UNIFORM, never),
            lambda: teacher.read(fusion, known, UNIFORM, never),
            repeats,
        ),
    }


def some_window(gap: str, fusion: Fusion) -> Known:
    """A window of random tokens with a past of two seconds."""
    measured, lost = GAPS[gap]
    config, rng = fusion.config, np.random.default_rng(0)
    values: dict[Modality, Float32] = {
        m: rng.normal(size=(config.bins, config.dims[m])).astype(np.float32) for m in MODALITIES
    }
    mask = {m: np.full(config.bins, m in measured) for m in MODALITIES}
    age_s = np.arange(1.0, 3.0, 0.25, dtype=np.float32)
    past = {
        m: PastTokens(rng.normal(size=(len(age_s), config.dims[m])).astype(np.float32), age_s)
        for m in lost
    }
    window = FeatureWindow(
        "p1", 0, config.bins * 250_000_000, values, mask, {}, frozenset(lost), past
    )
    return Known.of(window, values, mask)


def compare(student: Timed, teacher: Timed, repeats: int) -> dict[str, float]:
    """Time both in turn; the teacher a tenth as often."""
    times: dict[str, list[float]] = {"student": [], "teacher": []}
    for turn in range(WARM_UP + repeats):
        for name, run in (("student", student), ("teacher", teacher)):
            if name == "teacher" and turn % 10:
                continue
            began_ns = time.perf_counter_ns()
            run()
            if turn >= WARM_UP or name == "teacher":
                times[name].append((time.perf_counter_ns() - began_ns) / 1e6)
    found = {}
    for name, took in times.items():
        found[f"{name}_p50_ms"] = round(statistics.median(took), 3)
        found[f"{name}_p95_ms"] = round(float(np.quantile(took, 0.95)), 3)
    found["faster"] = round(found["teacher_p50_ms"] / found["student_p50_ms"], 1)
    return found


def on_cuda(student: Recovery, fusion: Fusion, repeats: int) -> dict[str, Any]:
    """The same on a GPU as one CUDA graph in bfloat16, timed with CUDA events; says so if none."""
    if not torch.cuda.is_available():
        return {"available": False, "note": "no CUDA device here: not measured"}
    from ..models.recovery.cuda import GraphReader

    found: dict[str, Any] = {"available": True, "device": torch.cuda.get_device_name()}
    for gap in BENCHED:
        known = some_window(gap, fusion)
        reader = GraphReader(student, fusion, known)
        took = sorted(reader.timed_ms() for _ in range(WARM_UP + repeats))
        found[gap] = {
            "student_p50_ms": round(statistics.median(took), 3),
            "largest_difference": round(reader.largest_difference(), 6),
        }
    return found


def rows(report: dict[str, Any]) -> list[tuple[str, str, dict[str, float]]]:
    """Gap, what was timed, and figures."""
    return [
        (gap, kind, figures)
        for gap, kinds in report["cpu"].items()
        for kind, figures in kinds.items()
    ]


def as_text(report: dict[str, Any]) -> str:
    """The report for people."""
    sampling = f"{report['samples']} samples of {report['student_steps']} step"
    lines = [f"one window, {sampling}, teacher {report['teacher_steps']} steps, one CPU thread"]
    for gap, kind, figures in rows(report):
        lines.append(
            f"{gap:16} {kind:17} student {figures['student_p50_ms']:8.2f} ms (p95 "
            f"{figures['student_p95_ms']:.2f}), teacher {figures['teacher_p50_ms']:9.2f} ms, "
            f"{figures['faster']:.1f}x faster"
        )
    lines.append(report["cuda"].get("note", f"CUDA: {report['cuda']}"))
    return "\n".join(lines)
