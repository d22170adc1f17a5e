import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.features import Modality
from tacit.models.recovery.space import TokenSpace

DIMS: dict[Modality, int] = {"audio": 6, "text": 3}


def correlated(count: int, dim: int, rank: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(dim)
    return torch.randn(count, rank, generator=generator) @ torch.randn(
        rank, dim, generator=generator
    )


def test_tokens_of_low_rank_come_back() -> None:
    space = TokenSpace(DIMS, latent=4)
    values: dict[Modality, torch.Tensor] = {
        "audio": correlated(200, 6, 4) + 2.0,
        "text": correlated(200, 3, 3),
    }
    kept = space.fit(values)
    assert kept["audio"] == pytest.approx(1.0, abs=1e-4)
    batch = {m: v[:8].reshape(2, 4, -1) for m, v in values.items()}
    back = space.decode(space.encode(batch), bins=4)
    for name in DIMS:
        assert torch.allclose(back[name], batch[name], atol=1e-3)


def test_latents_are_white_but_hardly_varying_ones_are_not_blown_up() -> None:
    space = TokenSpace({"audio": 4}, latent=4)
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(2000, 4, generator=generator) * torch.tensor([5.0, 3.0, 2.0, 0.01])
    space.fit({"audio": values})
    spread = space.encode({"audio": values[None]})[0].std(dim=0)
    assert torch.allclose(spread[:3], torch.ones(3), atol=0.1)
    assert spread[3] < 0.05


def test_a_short_modality_leaves_latents_unused() -> None:
    space = TokenSpace(DIMS, latent=5)
    space.fit({"audio": correlated(50, 6, 6), "text": correlated(50, 3, 3)})
    assert space.active().sum(dim=1).tolist() == [5, 3]


def test_too_few_tokens_are_refused() -> None:
    with pytest.raises(ModelError, match="1 tokens are too few"):
        TokenSpace({"audio": 4}, 2).fit({"audio": torch.zeros(1, 4)})
