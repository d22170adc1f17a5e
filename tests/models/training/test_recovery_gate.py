import numpy as np
import pytest
import torch

from tacit.models.recovery.plan import GapSetting
from tacit.models.recovery.runtime import tempered
from tacit.models.training.loop import FitConfig
from tacit.models.training.recovery_gate import (
    GateConfig,
    figures,
    finished,
    fit_gate,
    gated,
    likelihood,
    mixed_temperature,
    sample_temperature,
    settle,
)
from tacit.models.training.recovery_readings import GapReadings
from tests.fakes.conditions import gaps

GAP = "audio+text|face"
CONFIG = GateConfig(FitConfig(50, rate=5e-2, weight_decay=0.0))


def readings(count: int, recovered: float, seed: int, drop: float = 1.0) -> GapReadings:
    """Samples whose logits hold the label with strength `recovered`; drop with strength `drop`."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 7, (count,), generator=generator)
    right = torch.nn.functional.one_hot(labels, 7).float()
    noise = torch.randn(count, 1, 7, generator=generator)
    samples = recovered * right[:, None] + noise + torch.randn(count, 6, 7, generator=generator)
    dropped = drop * right + torch.randn(count, 7, generator=generator)
    whole = 4.0 * right + torch.randn(count, 7, generator=generator)
    return GapReadings(
        GAP,
        dropped.softmax(-1).numpy(),
        whole.softmax(-1).numpy(),
        samples,
        gaps(count, seed),
        {m: torch.rand(count, generator=generator) for m in gaps(1).names},
        labels.numpy(),
    )


def test_the_likelihood_of_guessing() -> None:
    uniform = np.full((5, 7), 1 / 7, np.float32)
    assert likelihood(uniform, np.arange(5)) == pytest.approx(np.log(7), abs=1e-5)


def test_a_temperature_repairs_logits_that_are_too_sure() -> None:
    sure = readings(400, 2.0, 0)
    loud = GapReadings(
        GAP, sure.drop, sure.whole, 2.0 * sure.logits, sure.condition, sure.spread, sure.labels
    )
    assert sample_temperature(loud) == pytest.approx(2.0 * sample_temperature(sure), rel=0.1)


def test_the_gate_opens_where_recovery_knows_more_and_not_where_it_knows_less() -> None:
    config = CONFIG
    shares = {}
    for name, strength in (("good", 4.0), ("bad", 0.0)):
        first = {GAP: readings(300, strength, 1)}
        samples = {GAP: sample_temperature(first[GAP])}
        gate, losses = fit_gate(first, samples, config, 0)
        assert losses[-1] < losses[0] + 1e-3
        shares[name] = float(gated(gate, readings(300, strength, 2), samples[GAP])[1].mean())
    assert shares["good"] > 0.6
    assert shares["bad"] < 0.2


def test_a_gap_where_recovery_does_not_help_is_closed() -> None:
    gate, _ = fit_gate({GAP: readings(200, 4.0, 1)}, {GAP: 1.0}, CONFIG, 0)
    good, bad = readings(300, 4.0, 2), readings(300, 0.0, 3)
    opened = settle(gate, {GAP: good}, {GAP: good}, {GAP: 1.0}, CONFIG)[GAP]
    closed = settle(gate, {GAP: good}, {GAP: bad}, {GAP: 1.0}, CONFIG)[GAP]
    assert opened.open
    assert not closed.open
    final, share = finished(gate, bad, closed)
    assert np.array_equal(final, bad.drop)
    assert not share.any()


def test_an_answer_is_on_average_not_surer_than_the_whole_window() -> None:
    r = readings(300, 8.0, 4)
    mixed = r.averaged(1.0)
    assert mixed.max(axis=1).mean() > r.whole.max(axis=1).mean()
    temperature = mixed_temperature(mixed, r)
    assert temperature > 1.0
    assert tempered(mixed, temperature).max(axis=1).mean() <= r.whole.max(axis=1).mean()


def test_figures_name_every_gap_and_way() -> None:
    r = readings(100, 4.0, 1)
    gate, _ = fit_gate({GAP: r}, {GAP: 1.0}, CONFIG, 0)
    found = figures(gate, {GAP: r}, {GAP: GapSetting(1.0, 1.0, True)})
    assert found[f"{GAP}.final_accuracy"] > found[f"{GAP}.drop_accuracy"]
    assert found[f"{GAP}.final_nll"] < found[f"{GAP}.drop_nll"]
    assert 0.0 <= found[f"{GAP}.surer"] <= 1.0
    assert 0.0 < found[f"{GAP}.share"] < 1.0
