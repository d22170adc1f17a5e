import json
from pathlib import Path
from typing import Any

from tests.tools.test_models_page import row
from tools.models_asked import (
    Line,
    asked,
    baseline_lines,
    clean_lines,
    drop_lines,
    encoder_lines,
    other_lines,
    shipped_lines,
    speed_lines,
    step_lines,
    stream_lines,
)


def written(root: Path, name: str, content: Any) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return root


def test_drop_is_asked_for_by_the_end_of_the_interval() -> None:
    rows = {"ours": row(), "dropkd": row((0.01, -0.004))}
    assert [line.met for line in drop_lines("RAVDESS", rows, 1.0)] == [True, True]
    assert [line.met for line in drop_lines("RAVDESS", rows, 0.1)] == [False, False]
    assert list(drop_lines("RAVDESS", {"ours": row()}, 1.0)) == []


def test_every_rival_counts() -> None:
    rows = {"ours": row(), "drop": row((0.02, 0.01)), "zero": row((0.02, -0.01))}
    (line,) = other_lines("RAVDESS", rows)
    assert (line.reached, line.met) == ("1 of 2; least zero fill +2.0 [-1.0, +5.0]", False)
    rows |= {"plugin.ours": row(), "plugin.mean": row((0.02, 0.01), "plugin.ours")}
    plug = list(other_lines("X", rows))[1:]
    assert [(line.what, line.met) for line in plug] == [("X: plug-in, ours − mean fill", True)]


def test_on_the_clean_set_drop_is_asked_for_by_value_and_likelihood() -> None:
    rows = {"ours": row(), "drop": row((0.01, -0.007))}
    rows["drop"]["behind"]["nll"] = {"fixed": [0.002, -0.01, 0.01]}
    said = list(clean_lines("MOSI", rows))
    assert [line.met for line in said] == [True, True, False]
    assert said[2].reached == "+0.0020 [-0.0100, +0.0100]"
    assert list(clean_lines("MOSI", {"ours": row()})) == []


def test_the_student_may_lie_half_a_point_behind() -> None:
    near, far = row((0.004, 0.0), "teacher50.k32"), row((0.006, 0.0), "teacher50.k32")
    said = list(step_lines("X", {"student1.k32": near, "student2.k32": far}))
    assert [(line.what, line.met) for line in said] == [
        ("X: teacher@50 − student@1", True),
        ("X: teacher@50 − student@2", False),
    ]


def test_the_shipped_gaps_are_counted(tmp_path: Path) -> None:
    gate = {
        f"test.{gap}.{name}": value
        for gap, worse in (("audio|face", 0.0), ("face|text", 0.1))
        for name, value in {
            "final_ece": 0.04 + worse, "drop_ece": 0.1, "final_accuracy": 0.6 - worse,
            "drop_accuracy": 0.55, "final_confidence": 0.5 + worse, "whole_confidence": 0.55,
        }.items()
    }  # fmt: skip
    lines = list(shipped_lines(written(tmp_path, "recovery/paired.json", {"gate": gate})))
    assert [line.met for line in lines] == [False, False, False]
    assert lines[0].reached == "1 of 2; worst 0.140 (face|text)"
    assert list(shipped_lines(tmp_path / "nowhere")) == []


def test_a_causal_baseline_keeps_half_or_not(tmp_path: Path) -> None:
    figures = {name: {"figures": {"running": {"share": [share, 0.0, 1.0]}}} for name, share in (
        ("audio", 0.6), ("face", 0.4),
    )}  # fmt: skip
    content = {"splits": {"test actors": figures}}
    lines = list(baseline_lines(written(tmp_path, "baseline/ravdess.json", content)))
    assert [line.met for line in lines] == [True, False]
    assert list(baseline_lines(tmp_path / "nowhere")) == []


def test_streams_and_speed(tmp_path: Path) -> None:
    names = ("drop+KD", "hold last", "drop+KD given the past")
    above = {name: [0.02, 0.01, 0.03] for name in names} | {"hold last": [0.02, -0.01, 0.05]}
    lost = {"face": {"differences": {"mean": {"recovery, soft gate": above}}}}
    root = written(tmp_path, "streams/summary.json", {"lost": lost})
    assert [line.met for line in stream_lines(root)] == [True, False, True]
    assert [line.met for line in speed_lines(root)] == [None]
    timed = {
        "student_p50_ms": 7.5, "student_cpu_p50_ms": 4.0, "faster_cpu": 9.0,
        "drawing_faster_cpu": 25.0,
    }  # fmt: skip
    report = {
        "backend": "onnxruntime",
        "cpu": {"audio|face": {"onnxruntime": timed, "torch": timed | {"student_p50_ms": 20.0}}},
        "cuda": {"note": "no CUDA device here: not measured"},
    }
    assert [line.met for line in speed_lines(written(root, "bench/recover.json", report))] == [
        True, True, False, None,
    ]  # fmt: skip


def test_encoders_and_the_table(tmp_path: Path) -> None:
    crossed = {"folds": 5, "actors": 20, "uar": {"value": 0.6, "low": 0.5, "high": 0.7}}
    audio = {
        "approaches": [
            {"name": "functionals", "cv_all": crossed | {"uar": {"value": 0.9}}},
            {"name": "courses", "cv_all": crossed},
        ],
        "final": {"test": {"uar": 0.71, "snr": {"10": 0.5}}},
    }
    lines = list(encoder_lines(written(tmp_path, "encoders/audio.json", audio)))
    assert [line.met for line in lines] == [False, True, False]
    shown = asked([*lines, Line("a", "b", None, None)])
    assert "| voice, 5 folds over 20 actors: UAR | ≥ 0.7 | 0.600 [0.500, 0.700] |" in shown
    assert shown.endswith("| a | b | – | not measured |")
