import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models.audio_net import (
    AudioHead,
    AudioNet,
    AudioNetConfig,
    pooling_weights,
    running_level,
)
from tacit.models.features import FeatureFrame, TokenGrid, pool_frames

CONFIG = AudioNetConfig(stem=(4, 8, 8), width=16, dilations=(1, 2), dim=8)
FRAME_NS = 40_000_000


def test_the_level_rises_at_once_and_falls_slowly() -> None:
    energy_db = torch.tensor([[-80.0, -30.0, -50.0, -50.0]])
    level = running_level(energy_db, torch.tensor([[-60.0]]))
    torch.testing.assert_close(level, torch.tensor([[-60.0, -30.0, -30.02, -30.04]]))


@settings(deadline=None, max_examples=50)
@given(
    frames=st.integers(0, 120),
    offset_ns=st.integers(-(10**9), 10**9),
    t1_ns=st.integers(0, 5 * 10**9),
    seed=st.integers(0, 99),
)
def test_torch_pooling_equals_pool_frames(
    frames: int, offset_ns: int, t1_ns: int, seed: int
) -> None:
    grid, step_ns = TokenGrid(), FRAME_NS
    values = np.random.default_rng(seed).standard_normal((frames, 5)).astype(np.float32)
    stream = [
        FeatureFrame("audio", "p1", offset_ns + k * step_ns, step_ns, row)
        for k, row in enumerate(values)
    ]
    tokens, mask = pool_frames(stream, t1_ns, 5, grid)
    starts = torch.arange(frames) * step_ns + offset_ns - (t1_ns - grid.window_ns)
    weights = pooling_weights(starts[None], step_ns, grid.bins, grid.bin_ns)[0]
    np.testing.assert_allclose((weights @ torch.from_numpy(values)).numpy(), tokens, atol=1e-5)
    assert np.array_equal((weights.sum(dim=1) > 0).numpy(), mask)


def test_the_past_passes_through_the_state() -> None:
    torch.manual_seed(0)
    net = AudioNet(CONFIG).eval().encoder
    features = torch.randn(2, 80, 67)
    with torch.inference_mode():
        whole, _ = net(features, net.initial_state(2))
        state = net.initial_state(2)
        pieces = []
        for piece in torch.split(features, [4, 24, 8, 44], dim=1):
            values, state = net(piece, state)
            pieces.append(values)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-5, rtol=1e-5)
    assert [s.shape for s in state] == [s.shape for s in net.initial_state(2)]


def test_the_head_reads_no_masked_token() -> None:
    torch.manual_seed(0)
    head = AudioHead(CONFIG).eval()
    tokens = torch.randn(3, 12, 8)
    mask = torch.arange(12)[None] >= torch.tensor([[0], [5], [11]])
    with torch.inference_mode():
        clean = head(tokens * mask[..., None], mask)
        torch.testing.assert_close(clean, head(tokens, mask))
    assert clean.shape == (3, 7)
