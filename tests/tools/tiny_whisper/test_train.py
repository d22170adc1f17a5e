import shutil

import pytest
import torch

from tools.tiny_whisper import train
from tools.tiny_whisper.convert import vocabulary
from tools.tiny_whisper.speech import WORDS, Utterance, Voice, fluent
from tools.tiny_whisper.train import IGNORED, Batches

SPEAKS = shutil.which("espeak-ng") is not None


@pytest.mark.skipif(not SPEAKS, reason="needs espeak-ng to speak")
def test_a_batch_holds_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = fluent("I hate this so much", Voice("en-us"))
    monkeypatch.setattr(train, "corpus", lambda _rng: [said])
    monkeypatch.setattr(train, "heard", lambda piece, _rng: piece)
    tokens = vocabulary(WORDS)
    mels, target = Batches(tokens, 0).draw(2, whole=False)
    assert mels.shape[:2] == (2, 80)
    assert mels.shape[2] % 2 == 0
    text = [tokens[i] for i in target[0].tolist() if i != IGNORED]
    assert text[:2] == ["<|startoftranscript|>", "<|0.00|>"]
    assert text[2:7] == ["ĠI", "Ġhate", "Ġthis", "Ġso", "Ġmuch"]
    assert text[-1] == "<|endoftext|>"
    assert float(text[7].strip("<|>")) == pytest.approx(said.ends_s[-1], abs=0.02)


def test_rows_of_unequal_length_are_filled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Utterance(torch.zeros(8000).numpy(), (), ())
    monkeypatch.setattr(train, "corpus", lambda _rng: [short])
    monkeypatch.setattr(train, "heard", lambda piece, _rng: piece)
    _, target = Batches(vocabulary(WORDS), 0).draw(1, whole=False)
    assert target.shape == (1, 3)
