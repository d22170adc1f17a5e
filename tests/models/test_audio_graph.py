"""The audio network block by block in ONNX Runtime, against torch over the whole recording."""

import numpy as np
import onnx
import pytest
import torch

from tacit.models.audio_encoder import fuse
from tacit.models.audio_graph import AudioSession, audio_graph
from tacit.models.audio_net import AudioNet, AudioNetConfig
from tacit.models.features import Float32

SHAPES = {
    "shipped": AudioNetConfig(),
    "odd": AudioNetConfig(stem=(3, 5, 7), width=10, dilations=(1, 3), dim=12),
}


def net_of(config: AudioNetConfig) -> AudioNet:
    """A network whose normalisations have seen data."""
    torch.manual_seed(1)
    net = AudioNet(config).train()
    for _ in range(3):
        net.encoder(torch.randn(4, 40, 67) * 3.0 - 5.0, net.encoder.initial_state(4))
    return net.eval()


def features(blocks: int) -> Float32:
    """(4 * blocks, 67) of a voice that comes and goes, quiet and loud."""
    rng = np.random.default_rng(3)
    hops = 4 * blocks
    mel = rng.normal(-6.0, 3.0, (hops, 64))
    f0_hz = np.where(rng.random(hops) < 0.5, 0.0, rng.uniform(80.0, 400.0, hops))
    energy_db = -30.0 + 25.0 * np.sin(np.arange(hops) / 9.0) - 60.0 * (rng.random(hops) < 0.1)
    columns = [mel, f0_hz[:, None], rng.random((hops, 1)), energy_db[:, None]]
    return np.asarray(np.concatenate(columns, axis=1), np.float32)


@pytest.mark.parametrize("name", SHAPES)
def test_block_by_block_gives_what_torch_gives_at_once(name: str) -> None:
    net, given = net_of(SHAPES[name]), features(30)
    with torch.inference_mode():
        expected = net.encoder(torch.from_numpy(given)[None], net.encoder.initial_state())[0][0]
    session = AudioSession(fuse(net).encoder)
    past, found = session.initial_past(), []
    for block in given.reshape(-1, 4, 67):
        vector, past = session.step(block, past)
        found.append(vector)
    assert np.stack(found) == pytest.approx(expected.numpy(), abs=2e-4)
    assert float(expected.std()) > 0.1


def test_the_first_past_is_left_as_it_was() -> None:
    session = AudioSession(fuse(net_of(SHAPES["odd"])).encoder)
    first = session.step(features(1), session.initial_past())[0]
    session.step(features(1) + 3.0, session.initial_past())
    assert np.array_equal(session.step(features(1), session.initial_past())[0], first)


def test_the_graph_is_sound_and_the_same_every_time() -> None:
    graphs = [audio_graph(fuse(net_of(SHAPES["odd"])).encoder) for _ in range(2)]
    assert graphs[0] == graphs[1]
    onnx.checker.check_model(onnx.load_from_string(graphs[0]), full_check=True)


def test_a_net_that_was_not_folded_is_refused() -> None:
    with pytest.raises(ValueError, match="fold them into its convolutions first"):
        audio_graph(net_of(SHAPES["odd"]).encoder)
