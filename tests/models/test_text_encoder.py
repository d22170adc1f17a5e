import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.models.checkpoint import SHIPPED
from tacit.models.errors import CheckpointError
from tacit.models.labels import EMOTIONS
from tacit.models.text_encoder import HashedPairs, TextConfig, TextEncoder, TextNet
from tacit.models.text_tokens import PAD, token_ids, train_tokenizer

ODD = [
    "\ud800 lone surrogate",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "a\u0300\u0301" * 400,
    "漢字かな交じり文 العربية",
    "\x00\x01\x7f",
    "word " * 5000,
    "x" * 100_000,
]


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(SHIPPED / "text", tmp_path / "text")


def test_shapes_and_ranges(encoder: TextEncoder) -> None:
    texts = ["I can't believe it!", "ok"]
    vectors, rows = encoder.encode_batch(texts), encoder.probabilities_batch(texts)
    assert vectors.shape == (2, encoder.dim)
    assert encoder.dim == 64
    assert vectors.dtype == rows.dtype == np.float32
    assert rows.shape == (2, 7)
    assert rows.sum(1) == pytest.approx(np.ones(2), abs=1e-5)
    assert encoder.encode_batch([]).shape == (0, 64)
    assert encoder.probabilities_batch([]).shape == (0, 7)


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I am so happy, thank you, I love it!", "happiness"),
        ("I'm so sad, I miss her and I cried all night.", "sadness"),
        ("What the hell, you idiot, shut up, I hate you!", "anger"),
        ("I'm scared, this is terrifying.", "fear"),
        ("Ew, that is disgusting and gross.", "disgust"),
        ("Wow, really? I can't believe that!", "surprise"),
        ("The train leaves at nine from the second platform.", "neutral"),
    ],
)
def test_plain_cases(encoder: TextEncoder, text: str, emotion: str) -> None:
    assert EMOTIONS[int(encoder.probabilities(text).argmax())] == emotion


def test_a_phrase_reads_the_same_alone_and_in_a_batch(encoder: TextEncoder) -> None:
    texts = ["no", "I really did not expect this at all, what a day it was!", "why me?", ""]
    together = encoder.encode_batch(texts)
    for text, vector in zip(texts, together, strict=True):
        assert encoder.encode(text) == pytest.approx(vector, abs=1e-5)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b" * 0])
def test_nothing_said_is_zero_and_uniform(encoder: TextEncoder, text: str) -> None:
    assert (encoder.encode(text) == 0).all()
    assert encoder.probabilities(text) == pytest.approx(np.full(7, 1 / 7))


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_text_is_read(encoder: TextEncoder, text: str) -> None:
    assert np.isfinite(encoder.encode(text)).all()
    assert encoder.probabilities(text).sum() == pytest.approx(1.0, abs=1e-5)


def test_the_end_of_a_long_text_counts(encoder: TextEncoder) -> None:
    end = " " + "and now I am so happy, thank you" * 8
    assert encoder.encode("no, never. " * 500 + end) == pytest.approx(
        encoder.encode("yes " * 500 + end)
    )


def test_capitals_and_curly_apostrophes_do_not_matter(encoder: TextEncoder) -> None:
    assert encoder.encode("I DON\u2019T KNOW") == pytest.approx(encoder.encode("i don't know"))


def test_the_shipped_figures_reach_the_floor(encoder: TextEncoder) -> None:
    manifest = json.loads((SHIPPED / "text" / "manifest.json").read_text())
    assert manifest["metrics"]["test.macro_f1"] >= 0.6
    assert sum(f.stat().st_size for f in (SHIPPED / "text").iterdir()) < 8 * 2**20


@pytest.mark.data
def test_the_shipped_weights_give_the_manifest_s_figure(
    encoder: TextEncoder, data_root: Path
) -> None:
    from tacit.models.datasets import goemotions
    from tacit.models.training.text import macro_f1

    data = goemotions.load(data_root, "valid")
    found = np.concatenate(
        [encoder.probabilities_batch(data.texts[i : i + 256]) for i in range(0, len(data), 256)]
    )
    manifest = json.loads((SHIPPED / "text" / "manifest.json").read_text())
    reached = macro_f1(data.targets, found, encoder.config.thresholds)
    assert reached == pytest.approx(manifest["metrics"]["valid.macro_f1"], abs=0.005)


def test_a_changed_tokenizer_is_refused(copy: Path) -> None:
    file = copy / "tokenizer.json"
    file.write_text(file.read_text().replace("▁the", "▁teh", 1))
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: SHA-256 is"):
        TextEncoder.load(copy)


def test_a_missing_tokenizer_is_named(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: cannot be read"):
        TextEncoder.load(copy)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"colour": 1}, "config does not fit"),
        ({"kernels": 3}, "config does not fit"),
        ({"vocabulary": 9}, "the config says 9"),
        ({"channels": 8}, "weights do not fit"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    copy: Path, fields: dict[str, object], message: str
) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["config"] |= fields
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=message):
        TextEncoder.load(copy)


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    net = TextNet(TextConfig(vocabulary=50, width=8, channels=4, dim=6)).eval()
    ids = torch.tensor([[2, 7, 9, 3]])
    padded = torch.nn.functional.pad(ids, (0, 9), value=PAD)
    with torch.inference_mode():
        short, long = net(ids), net(padded)
    assert torch.allclose(short[0], long[0], atol=1e-6)
    assert torch.allclose(short[1], long[1], atol=1e-6)


@pytest.mark.parametrize("hidden", [(), (0,), (1, 2)])
def test_hashed_pairs_ignore_padding_and_hidden_tokens(hidden: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    pairs = HashedPairs(TextConfig(vocabulary=50, buckets=32, bucket_width=5))
    ids = torch.tensor([[2, 7, 9, 3, PAD, PAD]])
    present = ids != PAD
    present[0, list(hidden)] = False
    left = [i for i in range(4) if i not in hidden]
    kept = [left[a : a + n] for n in (2, 3) for a in range(len(left) - n + 1)]
    near = [run for run in kept if run[-1] - run[0] == len(run) - 1]
    found = pairs(ids, present)
    if not near:
        assert (found == 0).all()
        return
    alone = [
        pairs(ids[:, run[0] : run[-1] + 1], torch.ones(1, len(run), dtype=torch.bool))
        for run in near
        if len(run) == 2
    ]
    assert torch.isfinite(found).all()
    if len(near) == 1:
        assert torch.allclose(found, alone[0])


def test_the_order_of_a_pair_matters_to_its_bucket() -> None:
    torch.manual_seed(0)
    pairs = HashedPairs(TextConfig(vocabulary=50, buckets=4096, bucket_width=5))
    present = torch.ones(1, 2, dtype=torch.bool)
    forth, back = pairs(torch.tensor([[7, 9]]), present), pairs(torch.tensor([[9, 7]]), present)
    assert not torch.allclose(forth, back)


def test_every_head_is_read_and_the_first_is_the_one_in_use() -> None:
    torch.manual_seed(0)
    net = TextNet(TextConfig(vocabulary=50, width=8, channels=4, dim=6, domains=("a", "b"))).eval()
    ids = torch.tensor([[2, 7, 9, 3]])
    with torch.inference_mode():
        assert net.all_logits(ids).shape == (1, 3, 7)
        assert torch.equal(net.all_logits(ids)[:, 0], net(ids)[1])


def test_token_rows_have_marks_and_a_limit() -> None:
    tokenizer = train_tokenizer(["I don't know", "you know what"], 60)
    rows = token_ids(tokenizer, ["", "know " * 50], max_tokens=10, max_chars=1000)
    assert rows[0].tolist() == [2, 3]
    assert len(rows[1]) == 10
    assert (rows[1][0], rows[1][-1]) == (2, 3)
