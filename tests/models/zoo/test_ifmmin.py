import torch

from tacit.models.zoo.ifmmin import PAPER, WITH_CYCLE, Ifmmin, IfmminNet
from tacit.models.zoo.imagination import masks_of
from tacit.models.zoo.invariance import WIDTH, InvarianceNet
from tests.fakes.pairs import QUICK, make_pairs
from tests.fakes.parents import check_parent


def test_it_reads_what_is_left() -> None:
    check_parent(Ifmmin())


def test_the_cycle_is_an_option_that_is_off_by_default() -> None:
    assert PAPER.cycle == 0.0
    assert WITH_CYCLE.cycle > 0.0
    first = InvarianceNet({"audio": 5, "face": 4}, 1, QUICK)
    batch = make_pairs(3)
    x, mask = first.standard.of(batch), masks_of(batch)
    assert IfmminNet(first, QUICK, cycle=False)(x, mask).back is None
    back = IfmminNet(first, QUICK, cycle=True)(x, mask).back
    assert back is not None
    assert back.shape == (3, 2 * WIDTH)


def test_with_a_cycle_it_trains_and_reads_too() -> None:
    model = Ifmmin(WITH_CYCLE)
    model.fit(make_pairs(), make_pairs(seed=1), QUICK)
    test = make_pairs(seed=2)
    assert (model.predict(test).argmax(axis=1) == test.labels).mean() > 0.7


def test_invariant_features_enter_every_block() -> None:
    net = IfmminNet(InvarianceNet({"audio": 5, "face": 4}, 1, QUICK), QUICK, cycle=False).eval()
    batch = make_pairs(3).only({"audio"})
    made = net(net.standard.of(batch), masks_of(batch))
    assert made.invariant is not None
    zero, _ = net.forwards(made.available, torch.zeros_like(made.available))
    with_condition, _ = net.forwards(made.available, made.invariant.flatten(1))
    assert not torch.allclose(zero, with_condition)
    assert torch.allclose(with_condition, made.imagined)
