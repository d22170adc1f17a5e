"""RoHyDR's fusion: each modality looks at the others, and a summary of all is kept.

Tsai et al.: Multimodal transformer for unaligned multimodal language sequences (ACL 2019), section
3.2, as RoHyDR uses it (relation 9): for each target modality a cross-modal transformer from every
other one, the results side by side, a self-attention over them, and of that the last token;
F is the concatenation over targets. One layer of each here, 4 and 3 or more in the released code.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

HEADS: Final = 4


class CrossBlock(nn.Module):
    """One sequence attends to another (MulT, equation 5), then a feed-forward layer.

    Args:
        width: d of both.
        dropout: in training.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm_target = nn.LayerNorm(width)
        self.norm_source = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, HEADS, dropout, batch_first=True)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """(B, S, d) of the target, informed by the source."""
        keys = self.norm_source(source)
        asked = self.norm_target(target)
        x = target + self.attention(asked, keys, keys, need_weights=False)[0]
        out: Tensor = x + self.feed(self.norm_feed(x))
        return out


class CrossModalFusion(nn.Module):
    """F of all modalities' sequences.

    Args:
        modalities: M, at least 2.
        width: d.
        length: S.
        dropout: in training.
    """

    def __init__(self, modalities: int, width: int, length: int, dropout: float) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(length, width) * 0.02)
        self.pairs = nn.ModuleDict(
            {
                f"{target}_{source}": CrossBlock(width, dropout)
                for target in range(modalities)
                for source in range(modalities)
                if source != target
            }
        )
        inner = (modalities - 1) * width
        self.memory = nn.ModuleList(CrossBlock(inner, dropout) for _ in range(modalities))
        self.norm = nn.LayerNorm(inner)
        self.width = modalities * inner

    def forward(self, sequences: Sequence[Tensor]) -> Tensor:
        """Fuse.

        Args:
            sequences: M of (B, d, S).

        Returns:
            (B, M * (M - 1) * d).
        """
        x = [s.transpose(1, 2) + self.place for s in sequences]
        read = []
        for target, memory in enumerate(self.memory):
            seen = [
                self.pairs[f"{target}_{source}"](x[target], x[source])
                for source in range(len(x))
                if source != target
            ]
            together = torch.cat(seen, dim=2)
            read.append(self.norm(memory(together, together)[:, -1]))
        return torch.cat(read, dim=1)
