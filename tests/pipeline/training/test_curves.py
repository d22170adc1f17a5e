import sys
from pathlib import Path

import pytest

from tacit.pipeline.training.curves import CurveLog, Point, draw_curves, point_of, read_points
from tacit.pipeline.training.errors import TrainError


@pytest.mark.parametrize(
    ("line", "point"),
    [
        (
            "epoch 3/12: train loss 0.412, valid loss 1.2e-3 *",
            Point("", 3, 12, {"train loss": 0.412, "valid loss": 0.0012}),
        ),
        ("teacher 200/1500: loss 0.8858", Point("teacher", 200, 1500, {"loss": 0.8858})),
        (
            "epoch 2/6: valid macro-F1 0.6, MELD weighted F1 0.5",
            Point("", 2, 6, {"valid macro-F1": 0.6, "MELD weighted F1": 0.5}),
        ),
        ("epoch 1/45: valid UAR 61.2%", Point("", 1, 45, {"valid UAR": 0.612})),
        ("epoch 0/40: valid loss -1.5 (as it was)", Point("", 0, 40, {"valid loss": -1.5})),
    ],
)
def test_a_report_becomes_a_point(line: str, point: Point) -> None:
    found = point_of(line)
    assert found is not None
    assert (found.part, found.step, found.of) == (point.part, point.step, point.of)
    assert dict(found.figures) == pytest.approx(dict(point.figures))


@pytest.mark.parametrize(
    "line", ["features of 200 of 840 clips", "base: kept from an earlier run", "", "7/8 done"]
)
def test_other_lines_are_no_points(line: str) -> None:
    assert point_of(line) is None


def log(folder: Path, fingerprint: str, lines: list[str]) -> Path:
    made = CurveLog(folder, "text", fingerprint)
    for line in lines:
        made.line(line)
    made.close()
    return made.path


def test_a_run_that_goes_on_adds_to_its_curve(tmp_path: Path) -> None:
    log(tmp_path, "a", ["epoch 1/3: loss 3", "epoch 2/3: loss 2"])
    path = log(tmp_path, "a", ["epoch 2/3: loss 1.5", "epoch 3/3: loss 1"])
    assert [(p.step, p.figures["loss"]) for p in read_points(path)] == [(1, 3), (2, 1.5), (3, 1)]


def test_other_settings_begin_a_new_curve(tmp_path: Path) -> None:
    log(tmp_path, "a", ["epoch 1/3: loss 3"])
    path = log(tmp_path, "b", ["epoch 1/2: loss 5"])
    assert [p.figures["loss"] for p in read_points(path)] == [5]


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    path = log(tmp_path, "a", ["epoch 1/3: loss 3", "epoch 2/3: loss 2"])
    path.write_text(path.read_text()[:-9])
    assert [p.step for p in read_points(path)] == [1]


def test_a_picture_is_drawn_of_each_figure(tmp_path: Path) -> None:
    lines = ["epoch 1/2: train loss 3, UAR 0.2", "epoch 2/2: train loss 2, UAR 0.4"]
    path = log(tmp_path, "a", [*lines, "teacher 1/2: loss 1"])
    picture = draw_curves(path)
    assert picture == path.with_suffix(".png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert draw_curves(log(tmp_path, "c", ["nothing to draw"])) is None


def test_without_matplotlib_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log(tmp_path, "a", ["epoch 1/2: loss 3"])
    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(TrainError, match=r"pip install 'tacit\[train\]'; the figures are in"):
        draw_curves(path)
