from typing import Any

import pytest
import torch
from torch import Tensor

from tacit.models.errors import ModelError
from tacit.models.features import MODALITIES, Modality
from tacit.models.fusion import SOURCES, Block, Fusion, FusionConfig, FusionOutput

DIMS: dict[Modality, int] = {"audio": 5, "face": 6, "text": 4}
CONFIG = FusionConfig(DIMS, bins=3, width=8, layers=2, heads=2)
Tokens = dict[Modality, Tensor]


@pytest.fixture(scope="module")
def fusion() -> Fusion:
    torch.manual_seed(0)
    net = Fusion(CONFIG).eval()
    # the head starts at zero: give it values, so that the transformer's part is seen in the logits
    torch.nn.init.normal_(net.head.weight)
    return net


def tokens(batch: int, seed: int = 1) -> Tokens:
    drawn = torch.Generator().manual_seed(seed)
    return {m: torch.randn(batch, 3, DIMS[m], generator=drawn) for m in MODALITIES}


def masks(batch: int, **rows: list[bool]) -> Tokens:
    return {m: torch.tensor(rows.get(m, [True] * 3)).expand(batch, 3) for m in MODALITIES}


def same(one: FusionOutput, other: FusionOutput) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("wild", [0.0, 1e30, float("nan"), float("inf")])
def test_values_under_a_false_mask_have_no_influence(fusion: Fusion, wild: float) -> None:
    mask = masks(2, audio=[True, False, True], text=[False] * 3)
    values = tokens(2)
    before = fusion(values, mask)
    values["audio"][:, 1] = wild
    values["text"][:] = wild
    assert same(fusion(values, mask), before)


def test_every_measured_token_has_influence(fusion: Fusion) -> None:
    before = fusion(tokens(1), masks(1)).logits
    for name in MODALITIES:
        for place in range(3):
            values = tokens(1)
            values[name][0, place] += 1.0
            assert not torch.allclose(fusion(values, masks(1)).logits, before), (name, place)


def test_rows_of_a_batch_are_independent(fusion: Fusion) -> None:
    values, other = tokens(4), tokens(4, seed=2)
    before = fusion(values, masks(4))
    for name in MODALITIES:
        values[name][1:] = other[name][1:]
    after = fusion(values, masks(4))
    assert torch.equal(before.logits[0], after.logits[0])
    assert not torch.equal(before.logits[1], after.logits[1])


def test_a_row_without_any_token_is_finite(fusion: Fusion) -> None:
    nothing = masks(2, audio=[False] * 3, face=[False] * 3, text=[False] * 3)
    output = fusion(tokens(2), nothing)
    assert torch.isfinite(output.logits).all()
    assert torch.equal(output.logits[0], output.logits[1])
    assert not output.unimodal.any()


def test_huge_measured_values_stay_finite(fusion: Fusion) -> None:
    values = {m: torch.full((1, 3, DIMS[m]), 3e38) for m in MODALITIES}
    assert torch.isfinite(fusion(values, masks(1)).logits).all()


def test_a_missing_modality_says_nothing_by_itself(fusion: Fusion) -> None:
    output = fusion(tokens(1), masks(1, face=[False] * 3))
    said = output.unimodal[0].abs().sum(dim=1) > 0
    assert said.tolist() == [True, False, True]


def test_time_and_modality_are_told_apart(fusion: Fusion) -> None:
    values = tokens(1)
    swapped = {m: v.flip(1) for m, v in values.items()}
    assert not torch.allclose(fusion(values, masks(1)).logits, fusion(swapped, masks(1)).logits)


def test_sources_default_to_measured(fusion: Fusion) -> None:
    measured = {m: torch.full((1, 3), SOURCES["measured"]) for m in MODALITIES}
    assert same(fusion(tokens(1), masks(1), measured), fusion(tokens(1), masks(1)))


def test_an_untrained_source_changes_nothing_and_a_trained_one_does(fusion: Fusion) -> None:
    recovered = {m: torch.full((1, 3), SOURCES["recovered"]) for m in MODALITIES}
    plain = fusion(tokens(1), masks(1))
    assert same(fusion(tokens(1), masks(1), recovered), plain)
    with torch.no_grad():
        fusion.source.weight[SOURCES["recovered"]] = torch.linspace(-1, 1, 8)
    assert not torch.allclose(fusion(tokens(1), masks(1), recovered).logits, plain.logits)
    torch.nn.init.zeros_(fusion.source.weight)


def test_gradients_are_finite_when_modalities_are_missing() -> None:
    torch.manual_seed(0)
    net = Fusion(CONFIG)
    output = net(tokens(2), masks(2, audio=[False] * 3))
    output.logits.logsumexp(dim=1).sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in net.parameters())


def test_the_default_shape_is_small() -> None:
    net = Fusion(FusionConfig({"audio": 64, "face": 72, "text": 64}))
    assert sum(p.numel() for p in net.parameters()) <= 500_000


def test_wrong_shapes_are_named(fusion: Fusion) -> None:
    values = tokens(1)
    values["face"] = torch.zeros(1, 3, 9)
    with pytest.raises(ModelError, match=r"face tokens have shape \(1, 3, 9\)"):
        fusion(values, masks(1))
    with pytest.raises(ModelError, match="text mask"):
        fusion(tokens(1), {**masks(1), "text": torch.ones(1, 2, dtype=torch.bool)})
    with pytest.raises(ModelError, match=r"audio mask is torch\.float32"):
        fusion(tokens(1), {**masks(1), "audio": torch.ones(1, 3)})


def test_config_round_trip() -> None:
    assert FusionConfig.from_dict(CONFIG.as_dict()) == CONFIG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dims": {"smell": 4}}, "dims"),
        ({"dims": {**DIMS, "text": 0}}, "dims"),
        ({"width": 9}, "width 9"),
        ({"bins": 0}, "bins 0"),
        ({"dropout": 1.0}, "dropout 1.0"),
        ({"depth": 3}, "depth"),
        ({"dims": None}, "NoneType"),
        ({"width": "8"}, "str"),
    ],
)
def test_bad_config_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        FusionConfig.from_dict({**CONFIG.as_dict(), **change})


def test_a_block_can_give_its_first_tokens_alone() -> None:
    torch.manual_seed(0)
    block = Block(8, 2, 0.0).eval()
    x, bias = torch.randn(3, 5, 8), torch.zeros(3, 1, 1, 5)
    bias[..., 4] = -torch.inf
    assert torch.allclose(block(x, bias, 2), block(x, bias)[:, :2], atol=1e-6)
