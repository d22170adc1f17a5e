"""A small recovery with random weights, and windows for it."""

import torch

from tacit.models.features import MODALITIES, Bool, FeatureWindow, Float32, Modality, PastTokens
from tacit.models.recovery.gate import Gate
from tacit.models.recovery.plan import GAPS, GapSetting, RecoveryPlan
from tacit.models.recovery.runtime import Recovery
from tests.fakes.conditions import BINS, CONFIG, DIMS, network, tokens

SAMPLES = 4
BIN_NS = 250_000_000


def plan(*, is_open: bool = True, spread_limit: float = 50.0) -> RecoveryPlan:
    """All gaps alike."""
    setting = GapSetting(1.2, 1.1, is_open)
    return RecoveryPlan(
        CONFIG, 4, SAMPLES, 1, spread_limit, dict.fromkeys(GAPS, setting), "ab" * 32
    )


def recovery(made: RecoveryPlan | None = None) -> Recovery:
    """Random student and gate, fixed noise."""
    made = made or plan()
    torch.manual_seed(0)
    noise = torch.randn(SAMPLES, CONFIG.positions, CONFIG.latent)
    return Recovery(made, network(), Gate(MODALITIES, made.hidden), noise, "cd" * 32)


def window(
    present: tuple[Modality, ...], lost: tuple[Modality, ...], seed: int = 0, *, past: bool = True
) -> FeatureWindow:
    """Three bins; what is lost was measured 1.1 and 1.4 s ago."""
    values: dict[Modality, Float32] = {m: t[0].numpy() for m, t in tokens(1, seed).items()}
    mask: dict[Modality, Bool] = {m: torch.full((BINS,), m in present).numpy() for m in MODALITIES}
    earlier = {
        m: PastTokens(tokens(1, seed + 5)[m][0, :2].numpy(), torch.tensor([1.1, 1.4]).numpy())
        for m in lost
    }
    assert set(DIMS) == set(values)
    return FeatureWindow(
        "p1", 0, BINS * BIN_NS, values, mask, dict.fromkeys(MODALITIES, 1.0),
        frozenset(lost), earlier if past else {},
    )  # fmt: skip
