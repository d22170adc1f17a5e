from dataclasses import replace

import pytest

from tacit.models.benchmark.ledger import PARTS, Ledger
from tacit.models.study.workbench import MAIN, Workbench
from tacit.models.zoo.drop import Drop
from tests.fakes.pairs import QUICK
from tests.models.benchmark.test_honesty import task


def test_shared_parts_count_for_every_model_that_rests_on_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spent, fit = [0.0], Workbench.fitted

    def costly(self: Workbench, model: Drop, seed: int = 0) -> Drop:
        spent[0] += 10.0
        return fit(self, model, seed)

    monkeypatch.setattr(Workbench, "fitted", costly)
    bench = Ledger(
        replace(task(), config=replace(QUICK, epochs=1, tune_epochs=1)), lambda: spent[0]
    )
    assert {"whole", "drop", "dropkd", "asked", "residual"} <= PARTS
    # Distillation rests on `whole`, zero fill on distillation; nothing is trained twice.
    costs = [bench.built(MAIN[name])[1] for name in ("zero", "dropkd", "zero", "whole", "drop")]
    assert costs == [20.0, 20.0, 20.0, 10.0, 10.0]
    assert spent == [30.0]
