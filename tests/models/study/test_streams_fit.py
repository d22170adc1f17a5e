import numpy as np
import pytest
import torch

from tacit.models.recovery.distill import DistillConfig
from tacit.models.recovery.flow import Solver
from tacit.models.recovery.network import RecoveryConfig, RecoveryNet
from tacit.models.study import streams_fit as fit
from tacit.models.study.streams_batches import Batch, Sampler, Shown, Standard
from tacit.models.study.streams_fit import Bench, Best, Budget
from tacit.models.study.streams_windows import BINS, NAMES, PAST
from tests.models.study.test_streams_windows import stream

TINY = Budget(
    fusion=40,
    regressor=40,
    teacher=20,
    student=20,
    batch=16,
    width=16,
    generator=8,
    latent=4,
    distill=DistillConfig(steps=(1,), draws=1, teacher_steps=4),
)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(fit, "LOOK_EVERY", 10)
    torch.manual_seed(0)
    people = np.array([1, 2, 3, 8, 9])
    streams = [stream(people, seed=k) for k in range(2)]
    standard = Standard.of(streams)
    sampler = Sampler(streams, standard, np.random.default_rng(0))
    held_out = Sampler([stream(np.array([4, 10]))], standard, np.random.default_rng(1)).draw(40)
    return Bench(sampler, held_out, TINY, torch.Generator().manual_seed(0))


def test_a_fusion_learns_classes_that_show(bench: Bench) -> None:
    net = fit.fit_fusion(bench, lambda b: b.whole(past=False), None, past=False)
    assert not net.training
    with torch.no_grad():
        said = net.read(*bench.valid.whole(past=False)).logits.argmax(dim=1)
    assert float((said == bench.valid.labels).float().mean()) > 0.5


def test_the_best_weights_are_kept_not_the_last() -> None:
    layer = torch.nn.Linear(1, 1)
    losses = iter([3.0, 1.0, 2.0])
    best = Best(layer, lambda: next(losses))
    for look in range(3):
        torch.nn.init.constant_(layer.weight, float(look))
        best((look + 1) * fit.LOOK_EVERY - 1, 0.0)
    best.restore()
    assert best.loss == 1.0
    assert layer.weight.item() == 1.0


def test_a_regressor_beats_zero(bench: Bench) -> None:
    made = fit.regressed(fit.fit_regressor(bench))
    filled = made(bench.valid, 1, bench.generator)
    error = nothing = 0.0
    for name in NAMES:
        lost = bench.valid.lost[name]
        truth = bench.valid.truth[name][lost]
        error += float((filled[name][:, 0][lost] - truth).square().sum())
        nothing += float(truth.square().sum())
    assert error < nothing


def test_recovery_gives_different_samples_where_something_is_lost(bench: Bench) -> None:
    reader = fit.fit_fusion(bench, lambda b: b.whole(past=False), None, past=False)
    expected = fit.fit_regressor(bench)
    _, student = fit.fit_recovery(bench, reader, expected)
    made = fit.Generator(student, expected, Solver(1, student=True))
    filled = made.fill()(bench.valid, 3, bench.generator)
    for name in NAMES:
        assert filled[name].shape[:3] == (40, 3, BINS)
        assert torch.isfinite(filled[name]).all()
        lost, kept = bench.valid.lost[name], bench.valid.kept[name]
        assert float(filled[name].std(dim=1)[lost].mean()) > 0.01
        assert torch.equal(filled[name][:, 0][kept], bench.valid.truth[name][kept])


def test_without_its_deviation_recovery_is_the_regression(bench: Bench) -> None:
    expected = fit.fit_regressor(bench)
    net = RecoveryNet(RecoveryConfig(fit.DIMS, bins=BINS, past=PAST, latent=4, width=8))
    made = fit.Generator(net, expected, Solver(1), spread=0.0).fill()
    filled = made(bench.valid, 2, bench.generator)
    mean = fit.regressed(expected)(bench.valid, 1, bench.generator)
    for name in NAMES:
        for sample in (0, 1):
            torch.testing.assert_close(filled[name][:, sample], mean[name][:, 0])


def test_an_opinion_is_the_mean_of_probabilities(bench: Bench) -> None:
    def view(batch: Batch) -> Shown:
        return batch.whole(past=False)

    two = [fit.fit_fusion(bench, view, None, past=False) for _ in range(2)]
    each = [fit.opinion(view, net)(bench.valid).softmax(dim=1) for net in two]
    together = fit.opinion(view, *two)(bench.valid).softmax(dim=1)
    torch.testing.assert_close(together, (each[0] + each[1]) / 2)
    assert not torch.allclose(each[0], each[1])


def test_held_values_are_those_before_the_gap(bench: Bench) -> None:
    filled = fit.held(bench.valid, 1, bench.generator)["audio"][:, 0]
    lost, kept = bench.valid.lost["audio"], bench.valid.kept["audio"]
    rows = torch.nonzero(lost[:, 1:] & kept[:, :-1])
    assert len(rows) > 3
    for row, bin_before in rows.tolist():
        before = bench.valid.truth["audio"][row, bin_before]
        assert torch.equal(filled[row, bin_before + 1], before)
