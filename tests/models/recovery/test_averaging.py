import pytest
import torch

from tacit.models.fusion import SOURCES
from tacit.models.recovery.averaging import as_views, read_samples, spread_of
from tacit.models.recovery.fills import zero_fill
from tacit.models.recovery.flow import Solver, draw_noise, recover
from tests.fakes.conditions import CONFIG, fusion, gaps, network


def test_rows_are_windows_times_samples() -> None:
    condition = gaps(2)
    filled = recover(network(), condition, draw_noise(CONFIG, 2, 3), Solver(1))
    views = as_views(filled, condition)
    assert views.z["face"].shape == (6, 3, 6)
    assert torch.equal(views.z["face"][4], filled["face"][1, 1])
    assert (views.sources["face"] == SOURCES["recovered"]).all()
    assert (views.sources["text"] == SOURCES["measured"]).all()
    assert views.sources["audio"][0].tolist() == [0, 0, SOURCES["recovered"]]


def test_probabilities_are_averaged_and_not_logits() -> None:
    condition = gaps(2)
    filled = recover(network(), condition, draw_noise(CONFIG, 2, 4), Solver(1))
    with torch.no_grad():
        sampled = read_samples(fusion(), filled, condition, temperature=0.5)
    assert torch.allclose(sampled.probabilities, (sampled.logits / 0.5).softmax(-1).mean(1))
    assert torch.allclose(sampled.probabilities.sum(dim=1), torch.ones(2))
    assert sampled.feature.shape == (2, 4, 8)


def test_identical_samples_have_no_spread() -> None:
    condition = gaps(2)
    one = recover(network(), condition, draw_noise(CONFIG, 2, 1), Solver(1))
    same = {m: t.expand(-1, 3, -1, -1) for m, t in one.items()}
    spread = spread_of(same, condition)["face"].detach()
    assert float(spread.max()) == pytest.approx(0.0, abs=1e-3)


def test_the_spread_is_that_of_the_wanted_positions() -> None:
    condition = gaps(1)
    samples = {m: t.repeat(1, 2, 1, 1) for m, t in zero_fill(condition).items()}
    samples["audio"][:, 1, -1] += 2.0
    spread = spread_of(samples, condition)
    assert float(spread["audio"]) == pytest.approx(1.0)
    assert float(spread["face"]) == 0.0
    assert float(spread["text"]) == 0.0
