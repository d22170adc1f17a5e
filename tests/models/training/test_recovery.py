from dataclasses import replace

import numpy as np
import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.fusion import Fusion
from tacit.models.training.gaps import GapConfig, GapPairer
from tacit.models.training.loop import FitConfig
from tacit.models.training.pairing import Pairer, PairingConfig
from tacit.models.training.recovery import (
    Draw,
    NetworkShape,
    RecoveryTrainingConfig,
    check_compatible,
    curve,
    new_network,
    read_dropped,
    refine_fusion,
    train_regressors,
    train_student,
    train_teacher,
)
from tests.fakes.conditions import network
from tests.fakes.token_data import BINS, token_data
from tests.fakes.trained import fusion, student

CONFIG = RecoveryTrainingConfig(
    NetworkShape(latent=4, width=8, context_layers=1, decoder_layers=1, heads=2),
    GapConfig(tokens=3),
    teacher=FitConfig(6, rate=1e-2),
    student=FitConfig(4),
    refine=FitConfig(4),
    batch=16,
    student_batch=4,
    refine_batch=4,
)


def pairer(net: Fusion) -> GapPairer:
    made = Pairer(token_data().banks["train"], np.full(7, 1 / 7), PairingConfig(), BINS)
    return GapPairer(made, net, CONFIG.gaps)


def test_the_stages_follow_one_another_and_repeat_themselves() -> None:
    net = fusion()
    lines: list[str] = []
    teacher, losses = train_teacher(net, pairer(net), CONFIG, lines.append)
    again, _ = train_teacher(net, pairer(net), CONFIG, lines.append)
    assert len(losses) == 1
    pairs = zip(teacher.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    learned, _ = train_student(teacher, net, pairer(net), CONFIG, lines.append)
    assert not torch.equal(learned.leave.weight, teacher.leave.weight)
    refined, _ = refine_fusion(net, learned, pairer(net), CONFIG, lines.append)
    assert not torch.equal(refined.head.weight, net.head.weight)
    assert torch.equal(refined.source.weight[2], net.source.weight[2])
    assert [line.split()[0] for line in lines] == ["teacher", "teacher", "student", "fusion"]


def test_regressors_come_in_two_kinds() -> None:
    net = fusion()
    config = replace(CONFIG, teacher=FitConfig(3))
    same, plain = train_regressors(net, pairer(net), config, lambda line: None)
    assert same.config == plain.config == new_network(
        net, config, Draw.seeded(pairer(net), 0, 1)
    ).config  # fmt: skip


def test_dropping_reads_nothing_that_is_not_measured() -> None:
    net = fusion()
    condition = pairer(net).draw(6, np.random.default_rng(0), "text|face").condition
    other = {m: torch.where(condition.measured[m].unsqueeze(-1), v, 9.0)
             for m, v in condition.values.items()}  # fmt: skip
    read = read_dropped(net, condition).logits
    assert torch.equal(read, read_dropped(net, replace(condition, values=other)).logits)


def test_a_curve_is_the_mean_of_stretches() -> None:
    assert curve([1.0] * 100 + [3.0] * 50) == [1.0, 3.0]


def test_a_recovery_of_another_space_is_refused() -> None:
    check_compatible(student(), fusion())
    with pytest.raises(ModelError, match="does not fit the"):
        check_compatible(network(), fusion())
