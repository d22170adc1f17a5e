from typing import Any

import numpy as np
import pytest

from tacit.models.baseline import BaselineRule
from tacit.models.study import baseline as study
from tacit.models.study.baseline import Parts, Variant
from tests.models.study.test_baseline_data import people

SMALL = {
    "none": Variant("none"),
    "running": Variant("running"),
    "running, expressions in blocks": Variant("running", order="blocks"),
    "transductive": Variant("transductive"),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "VARIANTS", SMALL)
    monkeypatch.setattr(study, "JUDGED_REPEATS", 2)
    monkeypatch.setattr(study, "STRENGTHS", (0.1,))
    monkeypatch.setattr(study, "rules", lambda _: (BaselineRule(),))


def test_parts_share_nobody() -> None:
    names = np.arange(1, 21)
    tested = []
    for parts in [*(study.fold_parts(names, k) for k in range(5)), study.official_parts(names)]:
        everybody = np.concatenate([parts.train, parts.valid, parts.test])
        assert sorted(everybody) == list(names)
        tested.append(parts.test)
    assert sorted(np.concatenate(tested[:5])) == list(names)
    assert tested[5].tolist() == [17, 18, 19, 20]


def test_a_run_counts_every_judged_clip(small: None) -> None:
    data = people(6)
    parts = Parts(np.arange(3), np.arange(3, 5), np.array([5]))
    found = study.run(data, parts, 1)
    assert set(found) == set(SMALL)
    for variant in found.values():
        assert np.sum(variant["support"]["all"]) == 2 * 57
        by_time = sum(np.sum(v) for k, v in variant["support"].items() if k != "all")
        assert by_time == 2 * 57
        assert (np.array(variant["hits"]["all"]) <= np.array(variant["support"]["all"])).all()
    # One training serves both orders.
    assert found["running"]["chosen"] == found["running, expressions in blocks"]["chosen"]


def counted(right: int) -> dict[str, Any]:
    """A person with ten clips of two classes each, so many of them right."""
    rows = {"all": [[right, right]], "0-4": [[right, right]]}
    support = {"all": [[10, 10]], "0-4": [[10, 10]]}
    return {"hits": rows, "support": support, "chosen": {}}


def test_figures_are_recall_gain_and_share() -> None:
    runs = [
        {"none": counted(4), "running": counted(7), "transductive": counted(8)},
        {"none": counted(2), "running": counted(5), "transductive": counted(6)},
    ]
    found = study.figures(study.pooled(runs))
    assert found["none"]["uar"][0] == pytest.approx(0.3)
    assert found["running"]["gain"] == pytest.approx([0.3, 0.3, 0.3])
    assert found["running"]["share"] == pytest.approx([0.75, 0.75, 0.75])
    assert found["running"]["uar"][1:] == pytest.approx([0.5, 0.7])
    assert found["running"]["heard"]["0-4"][0] == pytest.approx(0.6)


@pytest.mark.parametrize("rule", [BaselineRule(), BaselineRule(scale_count=np.inf, doubt=0.3)])
def test_a_choice_comes_back_as_a_rule(rule: BaselineRule) -> None:
    described = study.described(study.Choice(rule, 0.1, 0.5))
    assert study.rule_of(described) == rule
    assert all(v is None or np.isfinite(v) for v in described.values())


def test_stretches_cover_a_meeting() -> None:
    assert [study.stretch_name(s) for s in study.HEARD] == ["0-4", "5-9", "10-19", "20-39", "40+"]
    covered = [k for low, high in study.HEARD for k in range(low, high + 1)]
    assert covered == list(range(100))
