"""Untrained networks of the shape of `token_data`, with random weights in every layer."""

import torch

from tacit.models.fusion import Fusion, FusionConfig
from tacit.models.recovery.network import RecoveryConfig, RecoveryNet
from tests.fakes.token_data import BINS, DIMS

CONFIG = RecoveryConfig(
    DIMS, BINS, past=3, latent=4, width=8, context_layers=1, decoder_layers=1, heads=2
)


def fusion(seed: int = 0) -> Fusion:
    """A fusion."""
    torch.manual_seed(seed)
    net = Fusion(FusionConfig(DIMS, BINS, width=8, layers=1, heads=2))
    torch.nn.init.normal_(net.head.weight)
    return net.eval()


def student(seed: int = 0) -> RecoveryNet:
    """A recovery network."""
    torch.manual_seed(seed)
    net = RecoveryNet(CONFIG)
    net.space.fit({m: torch.randn(40, d) for m, d in DIMS.items()})
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()
