import numpy as np
import pytest
import torch
from torch import nn

from tacit.models.errors import ModelError
from tacit.models.zoo.fitting import Plan, batches, fit_epochs, hide

PLAN = Plan(epochs=30, batch=8, rate=0.1, weight_decay=0.0, seed=0)


def test_every_row_comes_once_and_none_alone() -> None:
    parts = list(batches(np.arange(17), 8, np.random.default_rng(0)))
    assert [len(p) for p in parts] == [8, 8]  # the 17th would be a batch of one
    assert len(set(torch.cat(parts).tolist())) == 16


def test_a_line_is_found() -> None:
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 32)[:, None]
    net = nn.Linear(1, 1)

    def error(rows: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor((net(x[rows]) - 3 * x[rows]).square().mean())

    chosen = fit_epochs(net, np.arange(32), error, lambda: float(error(torch.arange(32))), PLAN)
    assert net.weight.item() == pytest.approx(3.0, abs=0.1)
    assert chosen.loss < 0.02
    assert not net.training


def test_the_best_epoch_stays_even_if_it_is_the_start() -> None:
    net = nn.Linear(1, 1)
    start = net.weight.item()
    losses = iter([0.5, *(1.0 + k for k in range(30))])

    def drift(rows: torch.Tensor) -> torch.Tensor:
        return net.weight.square().sum()

    chosen = fit_epochs(net, np.arange(16), drift, lambda: next(losses), PLAN)
    assert (chosen.epoch, chosen.loss) == (0, 0.5)
    assert net.weight.item() == start


def test_a_loss_that_is_no_number_is_an_error() -> None:
    net = nn.Linear(1, 1)
    with pytest.raises(ModelError, match="never a number"):
        fit_epochs(
            net, np.arange(16), lambda rows: net.weight.sum(), lambda: float("nan"),
            Plan(2, 8, 0.1, 0.0, 0),
        )  # fmt: skip


def test_modality_dropout_hides_at_the_rate_and_never_all() -> None:
    generator = torch.Generator().manual_seed(0)
    there = torch.ones(4000, 2, dtype=torch.bool)
    there[:, 1] = False
    hidden = hide({"audio": there, "face": there, "text": there}, 0.4, generator)
    kept = torch.stack([m[:, 0] for m in hidden.values()], dim=1)
    assert bool(kept.any(dim=1).all())
    assert float(kept.all(dim=1).float().mean()) == pytest.approx(0.4, abs=0.03)
    assert not any(bool(m[:, 1].any()) for m in hidden.values())
    for column in range(3):
        assert float(kept[:, column].float().mean()) == pytest.approx(0.7, abs=0.03)


def test_half_of_what_loses_some_can_be_made_to_keep_one() -> None:
    mask = {name: torch.ones(4000, 1, dtype=torch.bool) for name in ("audio", "face", "text")}
    generator = torch.Generator().manual_seed(0)

    def rate(shares: tuple[float, float]) -> float:
        kept = hide(mask, shares, generator)  # type: ignore[arg-type]
        return 1.0 - float(torch.stack(list(kept.values())).float().mean())

    assert abs(rate((0.0, 0.0)) - 0.5) < 0.02
    assert abs(rate((0.0, 1.0)) - 2 / 3) < 0.02
    assert abs(rate((0.4, 0.0)) - 0.3) < 0.02


def test_training_draws_the_same_whatever_was_drawn_before() -> None:
    def run() -> torch.Tensor:
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1)
        )
        x = torch.randn(32, 2)
        torch.rand(int(extra.pop()))  # something else that draws
        plan = Plan(2, 8, 1e-2, 0.0, 3)
        fit_epochs(
            net,
            np.arange(32),
            lambda r: net(x[r]).square().mean(),
            lambda: net(x).mean().item(),
            plan,
        )
        return torch.as_tensor(net(x))

    extra = [5, 1]
    assert torch.equal(run(), run())
