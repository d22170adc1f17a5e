from dataclasses import replace

import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.features import Modality
from tacit.models.recovery.condition import Condition, Past
from tacit.models.recovery.fills import (
    MlpRegressor,
    from_donors,
    hold_last,
    mean_fill,
    mlp_loss,
    nearest_donor,
    zero_fill,
)
from tests.fakes.conditions import BINS, CONFIG, DIMS, gaps, tokens


def test_fills_leave_what_is_measured() -> None:
    condition = gaps(2)
    means = {m: torch.full((BINS, d), 7.0) for m, d in DIMS.items()}
    for filled in (zero_fill(condition), mean_fill(condition, means), hold_last(condition, 0.25)):
        assert torch.equal(filled["text"][:, 0], condition.values["text"])
        assert torch.equal(filled["audio"][:, 0, :-1], condition.values["audio"][:, :-1])


def test_zeros_and_means() -> None:
    condition = gaps(1)
    means = {m: torch.full((BINS, d), 7.0) for m, d in DIMS.items()}
    assert not zero_fill(condition)["face"].any()
    assert (mean_fill(condition, means)["face"] == 7.0).all()


def small(times: list[float], mask: list[bool]) -> Condition:
    """A window of three bins of 1 s; the middle one is measured and holds 1."""
    values: dict[Modality, torch.Tensor] = {"audio": torch.ones(1, 3, 1)}
    measured: dict[Modality, torch.Tensor] = {"audio": torch.tensor([[False, True, False]])}
    past = Past(
        {"audio": torch.arange(2.0, 2.0 + len(times))[None, :, None]},
        {"audio": torch.tensor([mask])},
        {"audio": torch.tensor([times])},
    )
    return Condition.of(values, measured, {"audio": ~measured["audio"]}, past)


def test_the_newest_earlier_token_is_held() -> None:
    held = hold_last(small([9.0, 4.0], [True, True]), bin_s=1.0)["audio"].flatten()
    assert held.tolist() == [3.0, 1.0, 1.0]


def test_a_masked_or_later_token_is_not_held() -> None:
    held = hold_last(small([4.0, 0.2], [False, True]), bin_s=1.0)["audio"].flatten()
    assert held.tolist() == [0.0, 1.0, 1.0]


def test_the_nearest_donor_is_found_by_what_is_measured() -> None:
    donors = tokens(20, seed=4)
    condition = gaps(3)
    rows = torch.tensor([5, 0, 19])
    values = {m: donors[m][rows] + 0.01 for m in DIMS}
    values["face"] = torch.full_like(values["face"], torch.nan)
    found = nearest_donor(replace(condition, values=values), donors)
    assert torch.equal(found, rows)
    filled = from_donors(condition, donors, found)
    assert torch.equal(filled["face"][:, 0], donors["face"][rows])


def test_the_mlp_learns_and_reads_nothing_masked() -> None:
    torch.manual_seed(0)
    net = MlpRegressor(CONFIG, hidden=32)
    condition, truth = gaps(8), tokens(8, seed=6)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    first = float(mlp_loss(net, condition, truth).detach())
    for _ in range(40):
        loss = mlp_loss(net, condition, truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert float(loss.detach()) < 0.5 * first
    poisoned = {
        m: torch.where(condition.measured[m].unsqueeze(-1), v, torch.nan)
        for m, v in condition.values.items()
    }
    net.eval()
    assert torch.equal(net(replace(condition, values=poisoned))["face"], net(condition)["face"])
    assert torch.isfinite(net(condition.without_past())["face"]).all()


def test_the_mlp_wants_its_own_number_of_past_tokens() -> None:
    net = MlpRegressor(replace(CONFIG, past=5))
    with pytest.raises(ModelError, match="2 past tokens, 5 wanted"):
        net(gaps(1))
