from typing import Any

import numpy as np
import pytest

from tools.models_page import (
    MAIN,
    gate_table,
    points,
    share_name,
    share_parts,
    step_table,
    verdicts,
)
from tools.models_plots import gate_plot, missing_plot, reliability_plot, steps_plot

CONDITIONS = ("audio", "face", "audio+face", "random 0.1", "random 0.7", "fixed", "random")


def row(behind: tuple[float, float] | None = None, against: str = "ours") -> dict[str, Any]:
    figures = {m: {c: [0.5, 0.4, 0.6] for c in CONDITIONS} for m in ("uar", "nll")}
    made: dict[str, Any] = {"seeds": [0, 1], "figures": figures}
    if behind is not None:
        value = [behind[0], behind[1], 2 * behind[0] - behind[1]]
        made |= {"against": against, "behind": {"uar": dict.fromkeys(CONDITIONS, value)}}
    return made


def test_required_lines_follow_the_intervals() -> None:
    rows = {"ours": row(), "dropkd": row((0.002, -0.004)), "drop": row((0.02, 0.01))}
    assert "never below drop+KD (interval not below −0.5): **met**" in verdicts(rows, 1.0)
    assert "above drop+KD: **not met**" in verdicts(rows, 0.1)
    assert "every other required row: **met**" in verdicts(rows, 1.0)
    rows["zero"] = row((0.01, -0.001))
    assert "**not met**; interval reaches 0 for zero fill +1.0 [-0.1" in verdicts(rows, 1.0)
    rows["dropkd"] = row((0.002, -0.006))
    assert "(interval not below −0.5): **not met**" in verdicts(rows, 1.0)


def test_the_plug_in_and_the_student_have_their_lines() -> None:
    rows = {
        "ours": row(), "plugin.ours": row(), "plugin.zero": row((0.02, 0.01), "plugin.ours"),
        "plugin.mean": row((0.02, -0.01), "plugin.ours"),
        "student1.k32": row((0.006, 0.0), "teacher50.k32"),
    }  # fmt: skip
    said = verdicts(rows, 1.0)
    assert "plug-in above zero fill: **met**" in said
    assert "plug-in above mean fill: **not met**" in said
    assert "student1.k32 within 0.5 points of teacher@50: **not met**, +0.6" in said


def test_differences_are_in_points() -> None:
    assert points([0.0123, -0.004, 0.03]) == "+1.2 [-0.4, +3.0]"
    assert share_name("1.0") == "All labels"
    assert share_name("0.1") == "10% of the labels"


def test_steps_are_one_row_per_solver() -> None:
    rows = {f"{net}.k{k}": row((0.0, -0.01), "teacher50.k32") for net in ("student1", "naive2")
            for k in (1, 8, 32)}  # fmt: skip
    lines = step_table(rows).splitlines()
    assert lines[2].startswith("| student, 1 step | 0.500 [0.400, 0.600] |")
    assert lines[3].startswith("| naive, 2 steps |")
    assert step_table({}) == ""


GATE = {
    "edges": [0.0, 0.5, 1.0],
    "audio": {
        "histogram": [1, 3],
        "shares": {"only recovery right": [2, 0.7], "only dropping right": [1, 0.3]},
        "uar": {"dropping": 0.5, "recovery": 0.6, "mix": 0.65, "oracle": 0.7},
    },
}


def test_the_gate_shows_what_it_could_have_gained() -> None:
    assert "| audio | 0.500 | 0.600 | 0.650 | 0.700 | 0.700 | 0.300 |" in gate_table(GATE)


def test_a_study_without_ours_still_has_its_table() -> None:
    parts = share_parts({"samples": 9, "clusters": 3, "rows": {"drop": row()}}, 1.0)
    assert "drop (modality dropout)" in parts[0]
    assert set(MAIN) >= {"ours", "dropkd", "whole", "zero"}


@pytest.mark.parametrize("samples", [3, 300])
def test_plots_are_drawn_of_what_is_there(samples: int) -> None:
    bins = {"ece": 0.03, "count": [samples] * 2, "confidence": [0.3, 0.8], "accuracy": [0.2, 0.9]}
    rows = {"ours": row() | {"reliability": {"audio": bins}}, "drop": row()}
    assert steps_plot(rows) is None
    assert gate_plot(None) is None
    lines = missing_plot({"rows": rows})
    assert lines is not None
    assert [line.get_label() for line in lines.axes[0].lines] == ["ours", "drop"]
    reliable = reliability_plot(rows)
    assert reliable is not None
    assert np.size(reliable.axes[0].lines[1].get_xdata()) == (2 if samples > 9 else 0)
    rows |= {
        f"{net}.k{k}": row() for net in ("student1", "naive1", "teacher50") for k in (1, 8, 32)
    }
    assert steps_plot(rows) is not None
    assert gate_plot(GATE) is not None
