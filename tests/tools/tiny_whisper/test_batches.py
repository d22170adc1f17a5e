import numpy as np
import pytest
import torch

from tools.tiny_whisper import batches as module
from tools.tiny_whisper.batches import IGNORED, POSITION_S, Batches
from tools.tiny_whisper.convert import vocabulary
from tools.tiny_whisper.net import FRAMES
from tools.tiny_whisper.speech import RATE_HZ, Utterance

TOKENS = vocabulary(["done", "well"])
TONE = (0.3 * np.sin(np.arange(2 * RATE_HZ) * 0.3)).astype(np.float32)
SAID = Utterance(TONE, ("well", "done"), ((0.1, 0.8), (0.8, 1.9)))
SILENT = Utterance(np.zeros(8000, np.float32), (), ())


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "heard", lambda piece, _rng: piece)
    monkeypatch.setattr(module, "DOUBLED", 0.0)


@pytest.mark.usefixtures("clean")
def test_a_batch_holds_what_is_said_with_times_and_without() -> None:
    batch = Batches(TOKENS, [SAID], 0).draw(0, 8, whole=False)
    assert batch.mels.shape[:2] == (8, 80)
    assert batch.mels.shape[2] % 2 == 0
    rows = [
        ([TOKENS[i] for i in given], [TOKENS[i] for i in asked if i != IGNORED])
        for given, asked in zip(batch.tokens.tolist(), batch.target.tolist(), strict=True)
    ]
    timed = [asked for given, asked in rows if given[1] == "<|0.00|>"]
    plain = [asked for given, asked in rows if given[1] == "<|notimestamps|>"]
    assert len(timed) + len(plain) == 8
    assert all(
        asked == ["<|0.00|>", "Ġwell", "Ġdone", "<|1.90|>", "<|endoftext|>"] for asked in timed
    )
    assert timed
    assert plain == [["Ġwell", "Ġdone", "<|endoftext|>"]] * len(plain)
    assert plain


@pytest.mark.usefixtures("clean")
def test_the_guide_points_at_the_word_that_is_asked_for() -> None:
    batch = Batches(TOKENS, [SAID], 0).draw(0, 2, whole=False)
    places = torch.arange(batch.guide.shape[2]) * POSITION_S
    assert not batch.guide[:, 0].any()
    for place, (start, end) in enumerate(SAID.spans_s, 1):
        row = batch.guide[0, place]
        assert row.sum() == pytest.approx(1.0)
        assert places[row > 0].min() == pytest.approx(start)
        assert places[row > 0].max() == pytest.approx(end - POSITION_S)


@pytest.mark.usefixtures("clean")
def test_a_whole_batch_is_as_long_as_whisper_pads() -> None:
    batch = Batches(TOKENS, [SILENT], 0).draw(0, 1, whole=True)
    assert batch.mels.shape == (1, 80, FRAMES)
    assert [TOKENS[i] for i in batch.target[0].tolist()] == ["<|0.00|>", "<|endoftext|>"]
    assert not batch.guide.any()


def test_a_step_is_the_same_whenever_it_is_drawn() -> None:
    drawn = Batches(TOKENS, [SAID, SILENT], 0)
    first = drawn.draw(5, 3, whole=False)
    drawn.draw(6, 3, whole=False)
    again = Batches(TOKENS, [SAID, SILENT], 0).draw(5, 3, whole=False)
    torch.testing.assert_close(first.mels, again.mels)
    assert torch.equal(first.target, again.target)
