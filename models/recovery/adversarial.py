"""Adversarial and semantic terms on the fused representation.

After the idea of RoHyDR (arXiv 2505.17501): a discriminator that tells recovered from complete, and
alignment of the two. Written anew. Differences from the released code are deliberate: the
discriminator's parameters are never in the generator's optimiser, and it judges what the classifier
sees.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class AdversarialConfig:
    """Weights of the terms; 0 leaves one out.

    Attributes:
        discriminator: of fooling the discriminator.
        semantic: of the alignment.
        width: of the discriminator.
    """

    discriminator: float = 0.0
    semantic: float = 0.0
    width: int = 64


class Discriminator(nn.Module):
    """Logit (B,) that a fused feature (B, W) comes from complete data.

    Args:
        feature_width: W.
        config: its own width.
    """

    def __init__(self, feature_width: int, config: AdversarialConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(feature_width),
            nn.Linear(feature_width, config.width),
            nn.LeakyReLU(0.2),
            nn.Linear(config.width, config.width),
            nn.LeakyReLU(0.2),
            nn.Linear(config.width, 1),
        )

    def forward(self, feature: Tensor) -> Tensor:
        """(B,) logits."""
        logits = self.layers(feature).squeeze(-1)
        assert isinstance(logits, Tensor)
        return logits


def discriminator_loss(judge: Discriminator, complete: Tensor, recovered: Tensor) -> Tensor:
    """What the discriminator minimises; no gradient reaches the features."""
    real, fake = judge(complete.detach()), judge(recovered.detach())
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def generator_loss(judge: Discriminator, recovered: Tensor) -> Tensor:
    """What the generator minimises: that recovered features pass for complete ones."""
    return functional.softplus(-judge(recovered)).mean()


def semantic_loss(recovered: Tensor, complete: Tensor) -> Tensor:
    """One minus the cosine of recovered and complete features (B, W); the latter are the anchor."""
    return (1.0 - functional.cosine_similarity(recovered, complete.detach(), dim=-1)).mean()
