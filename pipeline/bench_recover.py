"""Measures how long it takes to recover what is lost and to read the result: `tacit bench recover`.

Student and teacher are timed in turn in the same run, by the same back end, so that their ratio
does not hang on what else the machine does. Beside the time on the wall stands the time that the
thread had the processor: on a machine that others use, only the second says what the work costs.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
import torch

from ..models.checkpoint import load, restore
from ..models.features import MODALITIES, FeatureWindow, Float32, Modality, PastTokens
from ..models.fusion import Fusion
from ..models.labels import EMOTIONS
from ..models.recognizer import KIND as FUSION
from ..models.recognizer import read_config
from ..models.recovery.flow import Solver
from ..models.recovery.plan import GAPS
from ..models.recovery.runtime import KIND, Backend, Known, Recovery, load_teacher, never
from .bench import machine
from .config import Settings

TEACHER_STEPS: Final = 50
SAMPLES: Final = (1, 4, 8, 16, 32)
BACKENDS: Final[tuple[Backend, ...]] = ("onnxruntime", "torch")
"""The first is what the recognizer uses."""
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
        per gap and back end: student and teacher in ms, p50 and p95, and how many times faster the
        student is; and the time by number of samples.

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
    teacher = student.taught(load_teacher(folder), Solver(TEACHER_STEPS))
    pairs = {
        backend: (bound(student, fusion, backend), bound(teacher, fusion, backend))
        for backend in BACKENDS
    }
    found = {gap: of_gap(gap, fusion, pairs, repeats) for gap in BENCHED}
    return {
        "bench": "recover",
        "backend": BACKENDS[0],
        "samples": student.plan.samples,
        "student_steps": student.plan.steps,
        "teacher_steps": TEACHER_STEPS,
        "repeats": repeats,
        "cpu": found,
        "by_samples": by_samples(student, fusion, repeats),
        "cuda": on_cuda(student, fusion, repeats),
        "machine": machine(settings) | {"threads": 1},
    }


UNIFORM: Final[Float32] = np.full(len(EMOTIONS), 1.0 / len(EMOTIONS), dtype=np.float32)


def of_gap(
    gap: str, fusion: Fusion, pairs: Mapping[Backend, tuple[Recovery, Recovery]], repeats: int
) -> dict[str, dict[str, float]]:
    """Student and teacher on one window, by back end.

    From its tokens to the mixed answer, which holds what both share; and, as `drawing_`, only the
    samples of what is lost, which is what they do differently.
    """
    known = some_window(gap, fusion)
    what = (fusion, known, UNIFORM, never)
    found: dict[str, dict[str, float]] = {}
    for backend, (student, teacher) in pairs.items():
        condition = student.condition(fusion, known)
        whole = compare(partial(student.read, *what), partial(teacher.read, *what), repeats)
        draws = partial(student.samples, condition), partial(teacher.samples, condition)
        drawn = compare(*draws, repeats)
        found[backend] = whole | {f"drawing_{name}": figure for name, figure in drawn.items()}
    return found


def bound(recovery: Recovery, fusion: Fusion, backend: Backend) -> Recovery:
    """A copy that computes by a back end."""
    made = recovery.taught(recovery.student, recovery.solver)
    if backend == "onnxruntime":
        made.bind(fusion)
    return made


def by_samples(recovery: Recovery, fusion: Fusion, repeats: int) -> dict[str, dict[str, float]]:
    """The student by number of samples, on the first of `BENCHED`, by the first back end."""
    known = some_window(BENCHED[0], fusion)
    found = {}
    for count in SAMPLES:
        noise = recovery.noise.repeat(-(-count // len(recovery.noise)), 1, 1)[:count]
        made = recovery.taught(recovery.student, recovery.solver, noise)
        made.bind(fusion)

        found[str(count)] = compare(
            partial(made.read, fusion, known, UNIFORM, never), None, repeats
        )
    return found


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


def compare(student: Timed, teacher: Timed | None, repeats: int) -> dict[str, float]:
    """Time both in turn; the teacher, if there is one, a tenth as often."""
    runs = {"student": student} | ({} if teacher is None else {"teacher": teacher})
    wall: dict[str, list[float]] = {name: [] for name in runs}
    used: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(WARM_UP + repeats):
        for name, run in runs.items():
            if name == "teacher" and turn % 10:
                continue
            began_ns, before_ns = time.perf_counter_ns(), time.thread_time_ns()
            run()
            if turn >= WARM_UP or name == "teacher":
                wall[name].append((time.perf_counter_ns() - began_ns) / 1e6)
                used[name].append((time.thread_time_ns() - before_ns) / 1e6)
    found = {}
    for name in runs:
        found[f"{name}_p50_ms"] = round(statistics.median(wall[name]), 3)
        found[f"{name}_p95_ms"] = round(float(np.quantile(wall[name], 0.95)), 3)
        found[f"{name}_cpu_p50_ms"] = round(statistics.median(used[name]), 3)
    if teacher is not None:
        found["faster"] = round(found["teacher_p50_ms"] / found["student_p50_ms"], 1)
        found["faster_cpu"] = round(found["teacher_cpu_p50_ms"] / found["student_cpu_p50_ms"], 1)
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
    """Gap, back end, and figures."""
    return [
        (gap, kind, figures)
        for gap, kinds in report["cpu"].items()
        for kind, figures in kinds.items()
    ]


def as_text(report: dict[str, Any]) -> str:
    """The report for people."""
    sampling = f"{report['samples']} samples of {report['student_steps']} step"
    steps = report["teacher_steps"]
    lines = [
        f"one window, read from tokens to answer, {sampling}, teacher {steps} steps, one thread"
    ]
    for gap, backend, figures in rows(report):
        lines.append(
            f"{gap:16} {backend:12} student {figures['student_p50_ms']:8.2f} ms (p95 "
            f"{figures['student_p95_ms']:.2f}, CPU {figures['student_cpu_p50_ms']:.2f}), teacher "
            f"{figures['teacher_p50_ms']:9.2f} ms, {figures['faster']:.1f}x faster "
            f"({figures['drawing_faster']:.1f}x where only drawing is timed)"
        )
    counts = ", ".join(
        f"{count}: {figures['student_p50_ms']:.2f} ms (CPU {figures['student_cpu_p50_ms']:.2f})"
        for count, figures in report["by_samples"].items()
    )
    lines.append(f"by number of samples, {BENCHED[0]}, {report['backend']}: {counts}")
    lines.append(report["cuda"].get("note", f"CUDA: {report['cuda']}"))
    return "\n".join(lines)
