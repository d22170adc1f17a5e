import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models import checkpoint
from tacit.models.audio_encoder import KIND, AudioEncoderState, StreamingAudioEncoder, fuse
from tacit.models.audio_net import AudioNet, AudioNetConfig
from tacit.models.errors import CheckpointError
from tacit.models.features import Float32
from tacit.models.manifest import Manifest
from tacit.models.training.audio_corpus import raw_features

CONFIG = AudioNetConfig(stem=(4, 8, 8), width=16, dilations=(1, 2), dim=8)


def random_model(seed: int = 0) -> AudioNet:
    """A model whose batch norms have seen data, so that folding them matters."""
    torch.manual_seed(seed)
    model = AudioNet(CONFIG).train()
    with torch.no_grad():
        for _ in range(3):
            state = model.encoder.initial_state(4)
            model.encoder(torch.randn(4, 40, 67) * 3.0 - 5.0, state)
    return model.eval()


@pytest.fixture(scope="module")
def encoder() -> StreamingAudioEncoder:
    return StreamingAudioEncoder(random_model())


def speechlike(length: int, seed: int = 0) -> Float32:
    rng = np.random.default_rng(seed)
    t = np.arange(length) / 16_000
    voice = np.sin(2 * np.pi * 180 * t) * np.sin(2 * np.pi * 3 * t)
    return np.asarray(0.2 * voice + 0.02 * rng.standard_normal(length), np.float32)


@settings(deadline=None, max_examples=25)
@given(length=st.integers(0, 8000), chunks=st.lists(st.integers(0, 3000), max_size=10))
def test_any_chunking_gives_the_same_bits(length: int, chunks: list[int]) -> None:
    encoder = StreamingAudioEncoder(random_model())
    samples = speechlike(length)
    state = encoder.initial_state()
    pieces = []
    for chunk in np.split(samples, np.minimum(np.cumsum(chunks, dtype=np.int64), length)):
        values, state = encoder.step(chunk, state)
        pieces.append(values)
    once = encoder.encode(samples)
    assert once.shape == (length // 640, CONFIG.dim)
    assert once.dtype == np.float32
    assert np.array_equal(np.concatenate(pieces), once)


def test_streaming_equals_one_pass_of_the_unfolded_network() -> None:
    model = random_model()
    samples = speechlike(32_000)
    features = torch.from_numpy(raw_features(samples))[None]
    with torch.inference_mode():
        offline, _ = model.encoder(features, model.encoder.initial_state())
    streamed = StreamingAudioEncoder(model).encode(samples)
    np.testing.assert_allclose(streamed, offline[0].numpy(), atol=1e-4)


def test_the_future_does_not_change_the_past(encoder: StreamingAudioEncoder) -> None:
    samples = speechlike(16_000)
    changed = samples.copy()
    changed[12 * 640 :] = speechlike(16_000, 5)[12 * 640 :] * 3
    before, after = encoder.encode(samples), encoder.encode(changed)
    assert np.array_equal(before[:12], after[:12])
    assert not np.allclose(before[12], after[12])


def test_the_past_matters(encoder: StreamingAudioEncoder) -> None:
    samples = speechlike(16_000)
    changed = samples.copy()
    changed[10 * 640 : 11 * 640] = 0.0
    assert not np.allclose(encoder.encode(samples)[12], encoder.encode(changed)[12])


def test_how_loud_a_stream_is_changes_nothing(encoder: StreamingAudioEncoder) -> None:
    samples = speechlike(16_000)
    np.testing.assert_allclose(encoder.encode(samples), encoder.encode(samples * 4), atol=1e-2)


def test_a_stream_leaves_no_trace_in_the_encoder(encoder: StreamingAudioEncoder) -> None:
    first = encoder.encode(speechlike(6400))
    encoder.encode(speechlike(6400, 9))
    assert np.array_equal(encoder.encode(speechlike(6400)), first)


def held_bytes(state: AudioEncoderState) -> int:
    arrays = state.blocks.past.nbytes + state.blocks.pending.nbytes
    return arrays + sum(past.nbytes for past in state.net)


def test_state_is_bounded(encoder: StreamingAudioEncoder) -> None:
    state = encoder.initial_state()
    sizes = []
    for k in range(30):
        _, state = encoder.step(speechlike(1700, k), state)
        sizes.append(held_bytes(state))
    assert max(sizes[2:]) <= sizes[1] + 640 * 4
    assert max(sizes) < 100_000


def test_a_state_can_be_used_twice(encoder: StreamingAudioEncoder) -> None:
    _, state = encoder.step(speechlike(5000), encoder.initial_state())
    first, _ = encoder.step(speechlike(3000, 2), state)
    again, _ = encoder.step(speechlike(3000, 2), state)
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((640, 1), np.float32), "got float32 of shape"),
        (np.zeros(640, np.float64), "got float64"),
        (np.full(640, np.nan, np.float32), "NaN or infinity"),
    ],
)
def test_samples_of_the_wrong_form_are_refused(
    encoder: StreamingAudioEncoder, samples: Float32, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        encoder.step(samples, encoder.initial_state())


def test_extreme_levels_stay_finite(encoder: StreamingAudioEncoder) -> None:
    for level in (0.0, 1e-30, 1.0, 3e38):
        assert np.isfinite(encoder.encode(np.full(3200, level, np.float32))).all()


def test_classify_gives_a_distribution_that_ignores_masked_tokens(
    encoder: StreamingAudioEncoder,
) -> None:
    tokens = np.random.default_rng(0).standard_normal((12, encoder.dim)).astype(np.float32)
    mask = np.arange(12) >= 7
    first = encoder.classify(tokens * mask[:, None], mask)
    other = encoder.classify(tokens, mask)
    assert first.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(first, other, atol=1e-6)
    with pytest.raises(ValueError, match="no token"):
        encoder.classify(tokens, np.zeros(12, np.bool_))
    with pytest.raises(ValueError, match="do not fit"):
        encoder.classify(tokens[:, :3], mask)


def manifest(**changes: object) -> Manifest:
    config = {**dataclasses.asdict(CONFIG), **changes}
    return Manifest(KIND, config, ["none"], "none", "none", 0, {})


def test_a_stored_model_reads_the_same(tmp_path: Path) -> None:
    model = random_model()
    halved = {k: v.half().float() if v.is_floating_point() else v
              for k, v in model.state_dict().items()}  # fmt: skip
    model.load_state_dict(halved)
    checkpoint.save(tmp_path, model.state_dict(), manifest())
    loaded = StreamingAudioEncoder.load(tmp_path)
    assert loaded.dim == CONFIG.dim
    assert loaded.frame_ns == 40_000_000
    samples = speechlike(6400)
    expected = StreamingAudioEncoder(model).encode(samples)
    assert np.array_equal(loaded.encode(samples), expected)


@pytest.mark.parametrize("changes", [{"stem": [4, 8]}, {"colour": 1}, {"dilations": None}])
def test_a_config_of_another_model_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    checkpoint.save(tmp_path, random_model().state_dict(), manifest(**changes))
    with pytest.raises(CheckpointError, match="does not describe an audio model"):
        StreamingAudioEncoder.load(tmp_path)


def test_folding_leaves_no_batch_norm() -> None:
    names = [type(m).__name__ for m in fuse(random_model()).modules()]
    assert not any("BatchNorm" in name for name in names)
