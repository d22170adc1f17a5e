from pathlib import Path

import numpy as np
import pytest
import torch

from tools.tiny_whisper import fit as module
from tools.tiny_whisper.batches import Batch, Batches
from tools.tiny_whisper.convert import vocabulary
from tools.tiny_whisper.fit import fit, loss_of
from tools.tiny_whisper.net import Shape, TinyWhisper
from tools.tiny_whisper.speech import RATE_HZ, Utterance

TOKENS = vocabulary(["done", "well"])
TONE = (0.3 * np.sin(np.arange(RATE_HZ) * 0.3)).astype(np.float32)
SAID = Utterance(TONE, ("well", "done"), ((0.1, 0.4), (0.4, 0.9)))


def network() -> TinyWhisper:
    torch.manual_seed(0)
    return TinyWhisper(Shape(len(TOKENS), width=16, heads=2, layers=1))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNT", 2)
    monkeypatch.setattr(module, "RATE", 0.03)
    monkeypatch.setattr(module, "WHOLE_EVERY", 1000)
    monkeypatch.setattr(module, "KEEP_EVERY", 3)


@pytest.mark.usefixtures("small")
def test_training_lowers_both_losses() -> None:
    batches, net = Batches(TOKENS, [SAID], 0), network()
    batch = batches.draw(99, 2, whole=False)
    before = [float(loss.detach()) for loss in loss_of(net, batch)]
    fit(net, batches, 15)
    after = [float(loss.detach()) for loss in loss_of(net, batch)]
    assert after[0] < 0.9 * before[0]
    assert after[1] < before[1]


@pytest.mark.usefixtures("small")
def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    batches, whole, halves = Batches(TOKENS, [SAID], 0), network(), network()
    fit(whole, batches, 6)

    class Interrupted(Batches):
        def draw(self, step: int, count: int, *, whole: bool) -> Batch:
            if step == 4:
                raise KeyboardInterrupt
            return super().draw(step, count, whole=whole)

    keep = tmp_path / "keep.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(halves, Interrupted(TOKENS, [SAID], 0), 6, keep)
    resumed = network()
    fit(resumed, batches, 6, keep)
    for one, two in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, two)
