"""Residual CNN over aligned grey crops (He et al. 2016), small enough for one CPU core."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from .face_crop import CROP
from .labels import EMOTIONS

_CONTRAST_FLOOR: Final = 8.0


@dataclass(frozen=True, slots=True)
class FaceNetConfig:
    """Shape of the net.

    Attributes:
        widths: channels per stage; each stage after the first halves the side.
        depths: residual blocks per stage.
        embedding: length of the embedding.
        dropout: share of features dropped before the embedding while training.
    """

    widths: tuple[int, ...] = (32, 64, 128, 192)
    depths: tuple[int, ...] = (1, 1, 2, 1)
    embedding: int = 64
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if not self.widths or len(self.widths) != len(self.depths):
            raise ValueError(f"widths {self.widths} and depths {self.depths} differ in length")
        if min(*self.widths, *self.depths, self.embedding) < 1:
            raise ValueError("widths, depths and embedding must be at least 1")


class Shortcut(nn.Module):
    """Average pooling and a 1 x 1 convolution: (B, C_in, H, W) to (B, C_out, H/s, W/s)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(stride, ceil_mode=True)
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the shortcut."""
        shrunk: Tensor = self.norm(self.conv(self.pool(x)))
        return shrunk


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: (B, C_in, H, W) to (B, C_out, H/s, W/s)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = None if same else Shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return functional.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class FaceNet(nn.Module):
    """Crops to an embedding and class logits.

    Args:
        config: shape of the net.
    """

    def __init__(self, config: FaceNetConfig | None = None) -> None:
        super().__init__()
        config = config or FaceNetConfig()
        width = config.widths[0]
        self.stem = nn.Conv2d(1, width, 5, 2, 2, bias=False)
        self.stem_norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        for stage, (outputs, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(Block(width, outputs, stride))
                width = outputs
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(config.dropout)
        self.embed = nn.Linear(width, config.embedding)
        self.head = nn.Linear(config.embedding, len(EMOTIONS))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Encode crops.

        Args:
            crops: (B, 1, 48, 48) as `normalise` gives them.

        Returns:
            embedding (B, E), each value in [-1, 1], and logits (B, 7).
        """
        x = functional.relu(self.stem_norm(self.stem(crops)))
        x = self.blocks(x).mean((2, 3))
        embedding = torch.tanh(self.embed(self.dropout(x)))
        return embedding, self.head(embedding)


def normalise(crops: Tensor) -> Tensor:
    """Take out each crop's own brightness and contrast.

    Args:
        crops: (B, 48, 48) uint8.

    Returns:
        (B, 1, 48, 48) float32 of zero mean and about unit spread.
    """
    if crops.shape[-2:] != (CROP, CROP):
        raise ValueError(f"crops have shape {tuple(crops.shape)}, (B, {CROP}, {CROP}) wanted")
    x = crops.float().unsqueeze(1)
    mean = x.mean((2, 3), keepdim=True)
    spread = (x - mean).square().mean((2, 3), keepdim=True).sqrt()
    return (x - mean) / (spread + _CONTRAST_FLOOR)
