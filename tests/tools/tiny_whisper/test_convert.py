from pathlib import Path

import numpy as np
import torch
from faster_whisper import WhisperModel

from tools.tiny_whisper.convert import TIMESTAMPS, save, vocabulary
from tools.tiny_whisper.net import FRAMES, MELS, Shape, TinyWhisper


def test_tokens_are_laid_out_as_in_whisper() -> None:
    tokens = vocabulary(["yes", "no"])
    assert len(tokens) == len(set(tokens))
    assert tokens.index("<|notimestamps|>") + 1 == tokens.index("<|0.00|>")
    assert tokens[-1] == "<|30.00|>"
    assert tokens.index("<|endoftext|>") == len(tokens) - TIMESTAMPS - 8


def test_what_was_converted_hears_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokens = vocabulary(["yes", "no"])
    net = TinyWhisper(Shape(len(tokens), width=32, heads=2, layers=1)).eval()
    save(net, tokens, tmp_path)
    mels = np.random.default_rng(0).standard_normal((MELS, FRAMES)).astype(np.float32) * 0.3
    model = WhisperModel(str(tmp_path), device="cpu", compute_type="float32", cpu_threads=1)
    with torch.no_grad():
        wanted = net.listen(torch.from_numpy(mels)[None])[0].numpy()
    heard = np.asarray(model.encode(mels))[0]
    # The weights are stored in eight bits.
    assert np.corrcoef(heard.ravel(), wanted.ravel())[0, 1] > 0.999
