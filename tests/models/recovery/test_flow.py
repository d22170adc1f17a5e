from dataclasses import replace

import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.features import Modality
from tacit.models.recovery.condition import Condition
from tacit.models.recovery.flow import (
    LIMIT,
    FlowConfig,
    Guided,
    Solver,
    draw_noise,
    flow_loss,
    integrate,
    recover,
    regress_loss,
)
from tacit.models.recovery.network import RecoveryConfig, RecoveryNet
from tests.fakes.conditions import CONFIG, gaps, network, tokens

MEAN, SPREAD = 2.0, 0.5


class ExactGaussian(Guided):
    """The true velocity of the flow from N(0, 1) to N(MEAN, SPREAD^2), in closed form."""

    def __call__(self, x: torch.Tensor, t: float) -> torch.Tensor:
        variance = (1.0 - t) ** 2 + (t * SPREAD) ** 2
        slope = (t * SPREAD**2 - (1.0 - t)) / variance
        return MEAN + slope * (x - t * MEAN)


def exact(solver: Solver) -> torch.Tensor:
    net, condition = network(), gaps(1)
    noise = draw_noise(CONFIG, 1, 3000, torch.Generator().manual_seed(0))
    return integrate(ExactGaussian(net, net.encode(condition), solver), noise)[-1]


@pytest.mark.parametrize("solver", [Solver(50), Solver(25, "heun")], ids=["euler", "heun"])
def test_the_exact_velocity_recovers_a_gaussian(solver: Solver) -> None:
    drawn = exact(solver)
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(drawn.std()) == pytest.approx(SPREAD, abs=0.02)


def test_heun_is_nearer_than_euler_at_the_same_cost() -> None:
    truth = exact(Solver(400, "heun"))
    euler = (exact(Solver(8)) - truth).square().mean()
    heun = (exact(Solver(4, "heun")) - truth).square().mean()
    assert heun < euler


def test_measured_tokens_are_returned_untouched() -> None:
    net, condition = network(), gaps(3)
    filled = recover(net, condition, draw_noise(CONFIG, 3, 2), Solver(2, student=True))
    for name in condition.names:
        mask = condition.measured[name]
        for sample in range(2):
            assert torch.equal(filled[name][:, sample][mask], condition.values[name][mask])


def test_nothing_is_invented_where_nothing_is_wanted() -> None:
    condition = gaps(1)
    none = {m: torch.zeros_like(w) for m, w in condition.wanted.items()}
    filled = recover(
        network(), replace(condition, wanted=none), draw_noise(CONFIG, 1, 2), Solver(1)
    )
    assert not filled["face"].any()


def test_unmeasured_values_never_get_through() -> None:
    condition = gaps(2)
    poisoned = {
        m: torch.where(condition.measured[m].unsqueeze(-1), v, torch.nan)
        for m, v in condition.values.items()
    }
    noise = draw_noise(CONFIG, 2, 2, torch.Generator().manual_seed(0))
    filled = recover(network(), replace(condition, values=poisoned), noise, Solver(4))
    clean = recover(network(), condition, noise, Solver(4))
    for name in condition.names:
        assert torch.equal(filled[name], clean[name])


def test_no_sample_changes_with_its_neighbours() -> None:
    net, condition = network(), gaps(3)
    noise = draw_noise(CONFIG, 3, 2, torch.Generator().manual_seed(0))
    together = recover(net, condition, noise, Solver(3))
    alone = recover(net, condition.rows(slice(1, 2)), noise[1:2], Solver(3))
    for name in condition.names:
        assert torch.allclose(together[name][1:2], alone[name], atol=1e-5)


def test_wild_velocities_are_cut() -> None:
    net = network()
    torch.nn.init.constant_(net.leave.bias, 1e4)
    filled = recover(net, gaps(1), draw_noise(CONFIG, 1, 1), Solver(1))
    assert filled["face"].abs().max() == LIMIT


def test_guidance_of_one_is_none() -> None:
    net, condition = network(), gaps(1)
    noise = draw_noise(CONFIG, 1, 1, torch.Generator().manual_seed(0))
    plain = recover(net, condition, noise, Solver(2))
    near = recover(net, condition, noise, Solver(2, guidance=1.0 + 1e-6))
    far = recover(net, condition, noise, Solver(2, guidance=3.0))
    assert torch.allclose(plain["face"], near["face"], atol=1e-4)
    assert not torch.allclose(plain["face"], far["face"], atol=1e-2)


@pytest.mark.parametrize(("steps", "method", "student"), [(0, "euler", False), (2, "heun", True)])
def test_a_bad_solver_is_refused(steps: int, method: str, student: bool) -> None:
    with pytest.raises(ModelError, match="solver"):
        Solver(steps, method, student=student)  # type: ignore[arg-type]


def test_only_wanted_positions_count_in_the_losses() -> None:
    net, condition = network(), gaps(4)
    truth = tokens(4, seed=5)
    other = {
        m: torch.where(condition.wanted[m].unsqueeze(-1), v, torch.nan) for m, v in truth.items()
    }
    one, same = (
        flow_loss(net, condition, t, FlowConfig(), torch.Generator().manual_seed(0))
        for t in (truth, other)
    )
    assert torch.equal(one, same)
    assert torch.equal(regress_loss(net, condition, truth), regress_loss(net, condition, other))


def pairs(count: int, seed: int) -> tuple[Condition, dict[Modality, torch.Tensor]]:
    """Faces that lie at plus or minus the voice's mean: two modes, told apart by nothing."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(count, 1, 2, generator=generator)
    sign = torch.randint(0, 2, (count, 1, 1), generator=generator) * 2.0 - 1.0
    values: dict[Modality, torch.Tensor] = {"audio": base, "face": sign * 2.0 + 0.0 * base}
    there = torch.ones(count, 1, dtype=torch.bool)
    condition = Condition.of(
        values, {"audio": there, "face": ~there}, {"audio": ~there, "face": there}
    )
    return condition, values


def test_a_trained_teacher_finds_both_modes_where_a_regressor_finds_their_middle() -> None:
    config = RecoveryConfig({"audio": 2, "face": 2}, bins=1, past=0, latent=2, width=16,
                            context_layers=0, decoder_layers=1, heads=2, dropout=0.0)  # fmt: skip
    torch.manual_seed(0)
    teacher, regressor = RecoveryNet(config), RecoveryNet(config)
    _, values = pairs(500, 0)
    for net in (teacher, regressor):
        net.space.fit({m: v.flatten(0, 1) for m, v in values.items()})
    optimiser = torch.optim.Adam([*teacher.parameters(), *regressor.parameters()], 5e-3)
    generator = torch.Generator().manual_seed(1)
    for step in range(100):
        condition, truth = pairs(64, step)
        loss = flow_loss(teacher, condition, truth, FlowConfig(drop_past=0.0), generator)
        loss = loss + regress_loss(regressor, condition, truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    condition, _ = pairs(1, 7)
    noise = draw_noise(config, 1, 400, generator)
    with torch.no_grad():
        drawn = recover(teacher.eval(), condition, noise, Solver(20))["face"][0, :, 0, 0]
        middle = recover(
            regressor.eval(), condition, torch.zeros(1, 1, 2, 2), Solver(1, student=True)
        )["face"]
    assert 0.3 < float((drawn > 0).float().mean()) < 0.7
    assert float(drawn.abs().mean()) == pytest.approx(2.0, abs=0.4)
    assert float(middle.abs().max()) < 0.5
