"""Small windows with gaps, for tests of the recovery."""

import torch
from torch import Tensor

from tacit.models.features import Modality
from tacit.models.fusion import Fusion, FusionConfig
from tacit.models.recovery.condition import Condition, Past
from tacit.models.recovery.network import RecoveryConfig, RecoveryNet

DIMS: dict[Modality, int] = {"audio": 5, "face": 6, "text": 4}
BINS, PAST = 3, 2
CONFIG = RecoveryConfig(
    DIMS, bins=BINS, past=PAST, latent=4, width=8, context_layers=1, decoder_layers=1, heads=2
)


def tokens(batch: int, seed: int = 0) -> dict[Modality, Tensor]:
    """Complete windows (B, T, D)."""
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randn(batch, BINS, d, generator=generator) for m, d in DIMS.items()}


def gaps(batch: int, seed: int = 0, *, past: bool = True) -> Condition:
    """Windows whose face is lost, and whose voice is half there."""
    values = tokens(batch, seed)
    everything = torch.ones(batch, BINS, dtype=torch.bool)
    half = everything.clone()
    half[:, -1] = False
    measured: dict[Modality, Tensor] = {"audio": half, "face": ~everything, "text": everything}
    wanted = {m: ~mask for m, mask in measured.items()}
    generator = torch.Generator().manual_seed(seed + 1)
    earlier = Past(
        {m: torch.randn(batch, PAST, d, generator=generator) for m, d in DIMS.items()},
        {m: torch.ones(batch, PAST, dtype=torch.bool) for m in DIMS},
        {m: torch.rand(batch, PAST, generator=generator) * 5.0 + 1.0 for m in DIMS},
    )
    return Condition.of(values, measured, wanted, earlier if past else None)


def network(seed: int = 0, config: RecoveryConfig = CONFIG) -> RecoveryNet:
    """A network with random weights in every layer, also where training starts at zero."""
    torch.manual_seed(seed)
    net = RecoveryNet(config)
    net.space.fit({m: t.flatten(0, 1) for m, t in tokens(64, 9).items()})
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


def fusion(seed: int = 0, classes: int = 7) -> Fusion:
    """A fusion with random weights."""
    torch.manual_seed(seed)
    net = Fusion(FusionConfig(DIMS, BINS, width=8, layers=1, heads=2, classes=classes))
    torch.nn.init.normal_(net.head.weight)
    torch.nn.init.normal_(net.source.weight)
    return net.eval()
