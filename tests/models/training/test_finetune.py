from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from tacit.models.calibration import PATTERNS, Calibration
from tacit.models.errors import ModelError
from tacit.models.features import MODALITIES, Modality
from tacit.models.fusion import Fusion, FusionConfig
from tacit.models.training.finetune import (
    FineTuneConfig,
    LabelledWindows,
    clip_figures,
    clip_loss,
    hidden_at_random,
    refuse_too_few,
    tune,
    tuned_parameters,
    window_weights,
)

DIMS: dict[Modality, int] = {"audio": 5, "face": 4, "text": 3}
PLAIN = Calibration(dict.fromkeys(PATTERNS, 1.0))
QUICK = FineTuneConfig(epochs=15, patience=15, batch=16, rate=0.02, anchor=0.0)


@pytest.fixture
def fusion() -> Fusion:
    torch.manual_seed(0)
    return Fusion(FusionConfig(DIMS, bins=3, width=16, layers=1, heads=2)).eval()


def windows(
    labels: Sequence[int],
    per_clip: int = 4,
    seed: int = 0,
    present: Sequence[Modality] = ("audio",),
) -> LabelledWindows:
    """Clips whose audio tokens point to the class."""
    rng = np.random.default_rng(seed)
    count = len(labels) * per_clip
    each = np.repeat(np.array(labels, dtype=np.int64), per_clip)
    values = {m: rng.normal(0, 0.3, (count, 3, d)).astype(np.float32) for m, d in DIMS.items()}
    values["audio"][np.arange(count), :, each % 5] += 2.0
    mask = {m: np.full((count, 3), m in present) for m in MODALITIES}
    return LabelledWindows(values, mask, each, np.repeat(np.arange(len(labels)), per_clip))


def test_it_learns_from_clips_and_leaves_the_given_network_alone(fusion: Fusion) -> None:
    before = {name: t.clone() for name, t in fusion.state_dict().items()}
    parts = {"train": windows([1, 2, 3] * 4), "valid": windows([1, 2, 3] * 2, seed=1)}
    lines: list[str] = []
    tuned = tune(fusion, PLAIN, parts, QUICK, lines.append)
    assert tuned.epoch > 0
    assert tuned.metrics["valid.uar"] > 0.9
    assert tuned.metrics["valid.loss"] < tuned.metrics["valid.before_loss"] - 0.5
    assert lines[0].startswith("epoch 0/15: valid loss")
    assert all(torch.equal(t, before[name]) for name, t in fusion.state_dict().items())
    learned = {id(parameter) for parameter in tuned_parameters(fusion)}
    kept = {name for name, parameter in fusion.named_parameters() if id(parameter) not in learned}
    after = tuned.net.state_dict()
    assert all((after[name] - before[name]).abs().max() < 1e-3 for name in kept)
    assert (after["head.weight"] - before["head.weight"]).abs().max() > 1e-3


def test_the_same_seed_gives_the_same_network(fusion: Fusion) -> None:
    parts = {"train": windows([1, 2] * 3), "valid": windows([1, 2], seed=1)}
    quick = replace(QUICK, epochs=2)
    one, two = (tune(fusion, PLAIN, parts, quick, lambda line: None).net for _ in range(2))
    assert all(torch.equal(t, two.state_dict()[n]) for n, t in one.state_dict().items())


def test_what_reads_no_better_stays_as_it_was(fusion: Fusion) -> None:
    """Validation labels that contradict the training ones: every epoch is worse."""
    swapped = windows([2, 1] * 3, seed=1)
    backwards = replace(swapped, labels=np.where(swapped.labels == 1, 2, 1))
    parts = {"train": windows([1, 2] * 4), "valid": replace(backwards, values=swapped.values)}
    tuned = tune(fusion, PLAIN, parts, replace(QUICK, patience=3, rate=0.1), lambda line: None)
    assert tuned.epoch <= 1
    if tuned.epoch == 0:
        assert tuned.metrics["valid.loss"] == pytest.approx(
            tuned.metrics["valid.before_loss"], abs=1e-3
        )


def test_an_anchor_holds_the_weights_near(fusion: Fusion) -> None:
    parts = {"train": windows([1, 2] * 4), "valid": windows([1, 2], seed=1)}

    def moved(anchor: float) -> float:
        net = tune(fusion, PLAIN, parts, replace(QUICK, anchor=anchor), lambda line: None).net
        pairs = zip(net.parameters(), fusion.parameters(), strict=True)
        return float(sum(((a - b) ** 2).sum().detach() for a, b in pairs))

    assert moved(1.0) < moved(0.0) / 2


def test_temperatures_are_fitted_where_there_are_enough_clips(fusion: Fusion) -> None:
    parts = {
        "train": windows([1, 2] * 4),
        "valid": windows([1, 2] * 5, seed=1, present=("audio", "face")),
    }
    enough = replace(QUICK, least_calibration_clips=10)
    tuned = tune(fusion, PLAIN, parts, enough, lambda line: None)
    assert tuned.recalibrated == ("audio", "face", "audio+face")
    assert tuned.calibration.temperatures["text"] == 1.0
    few = replace(QUICK, least_calibration_clips=11)
    assert tune(fusion, PLAIN, parts, few, lambda line: None).recalibrated == ()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "at least 2 training clips in each of at least 2 classes; .*: none"),
        ({"train": windows([1, 1, 1])}, "happiness 3"),
        ({"train": windows([1, 1, 2])}, "happiness 2, sadness 1"),
        ({"train": windows([1, 1, 2, 2])}, "at least one validation clip"),
    ],
)
def test_too_few_clips_are_refused(parts: dict[str, LabelledWindows], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        refuse_too_few(parts)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"rate": 0.0}, {"drop_modality": 1.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="fine-tuning"):
        FineTuneConfig(**wrong)  # type: ignore[arg-type]


def test_a_clip_counts_once_however_long_and_a_class_once_however_frequent() -> None:
    long, short = windows([1], per_clip=9), windows([2, 2], per_clip=1)
    both = LabelledWindows.joined([long, replace(short, clips=short.clips + 1)])
    weight = window_weights(both)
    assert weight.mean() == pytest.approx(1.0)
    assert weight[both.labels == 1].sum() == pytest.approx(weight[both.labels == 2].sum())


def test_a_hidden_modality_leaves_something_to_read() -> None:
    mask = {m: torch.ones(500, 3, dtype=torch.bool) for m in MODALITIES}
    mask["text"][:] = False
    hidden = hidden_at_random(mask, 0.7, np.random.default_rng(0))
    left = torch.stack([hidden[m].any(1) for m in MODALITIES], 1)
    assert left.any(1).all()
    assert not left[:, 2].any()
    assert 0.2 < left[:, 0].float().mean() < 0.8


def test_figures_are_per_clip(fusion: Fusion) -> None:
    some = windows([1, 2], per_clip=5)
    found = clip_figures(fusion, PLAIN, some)
    assert found["clips"] == 2
    assert found["loss"] == pytest.approx(clip_loss(fusion, PLAIN, some))
    assert 0 <= found["accuracy"] <= 1
