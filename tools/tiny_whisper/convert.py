"""From the trained network to the form that faster-whisper reads."""

import json
from pathlib import Path
from typing import Any, Final

import ctranslate2.specs
import numpy as np
from numpy.typing import NDArray
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn

from .net import Attention, FeedForward, Layer, TinyWhisper

TIMESTAMPS: Final = 1501
TIMESTAMP_S: Final = 0.02
_SPECIALS: Final = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)


def vocabulary(words: list[str]) -> list[str]:
    """All tokens: single bytes, the words with a space before them, specials, times.

    The order is that of Whisper's English models, with these words in place of the learnt ones.
    """
    text = [*sorted(ByteLevel.alphabet()), *(f"Ġ{word}" for word in words)]
    return [*text, *_SPECIALS, *(f"<|{i * TIMESTAMP_S:.2f}|>" for i in range(TIMESTAMPS))]


def save(net: TinyWhisper, tokens: list[str], folder: Path) -> None:
    """Write model.bin, config.json, vocabulary.json and tokenizer.json.

    Args:
        net: trained.
        tokens: from `vocabulary`.
        folder: to write into; made if need be.
    """
    shape = net.shape
    spec = ctranslate2.specs.WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    _encoder(spec.encoder, net)
    _decoder(spec.decoder, net)
    spec.register_vocabulary(tokens)
    spec.config.lang_ids = []
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokens.index("<|endoftext|>")]
    spec.config.alignment_heads = [list(shape.timing_head)]
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    text = json.dumps(_tokenizer(tokens), ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")


def _tokenizer(tokens: list[str]) -> dict[str, Any]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    first = tokens.index(_SPECIALS[0])
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": first + i, "content": token, "special": True, **flags}
            for i, token in enumerate(_SPECIALS)
        ],
        "pre_tokenizer": {**byte_level, "use_regex": True},
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {token: i for i, token in enumerate(tokens[:first])},
            "merges": [],
        },
    }


def _values(tensor: Any) -> NDArray[np.float32]:
    # A copy: quantisation changes what it is given.
    return np.array(tensor.detach().numpy(), dtype=np.float32, order="C")


def _join(spec: Any, *linears: nn.Linear) -> None:
    spec.weight = np.concatenate([_values(linear.weight) for linear in linears])
    spec.bias = np.concatenate([_values(linear.bias) for linear in linears])


def _norm(spec: Any, norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = _values(norm.weight), _values(norm.bias)


def _feed(spec: Any, feed: FeedForward) -> None:
    _norm(spec.layer_norm, feed.norm)
    _join(spec.linear_0, feed.inner)
    _join(spec.linear_1, feed.outer)


def _own(spec: Any, attention: Attention) -> None:
    _norm(spec.layer_norm, attention.norm)
    _join(spec.linear[0], attention.query, attention.key, attention.value)
    _join(spec.linear[1], attention.out)


def _layers(spec: Any, layers: nn.ModuleList) -> None:
    for part, layer in zip(spec.layer, layers, strict=True):
        assert isinstance(layer, Layer)
        _own(part.self_attention, layer.own)
        if layer.cross is not None:
            cross = part.attention
            _norm(cross.layer_norm, layer.cross.norm)
            _join(cross.linear[0], layer.cross.query)
            _join(cross.linear[1], layer.cross.key, layer.cross.value)
            _join(cross.linear[2], layer.cross.out)
        _feed(part.ffn, layer.feed)


def _encoder(spec: Any, net: TinyWhisper) -> None:
    for part, convolution in ((spec.conv1, net.first), (spec.conv2, net.second)):
        part.weight, part.bias = _values(convolution.weight), _values(convolution.bias)
    spec.position_encodings.encodings = _values(net.positions)
    _layers(spec, net.encoder)
    _norm(spec.layer_norm, net.encoded)


def _decoder(spec: Any, net: TinyWhisper) -> None:
    spec.embeddings.weight = _values(net.tokens)
    spec.projection.weight = spec.embeddings.weight
    spec.position_encodings.encodings = _values(net.places)
    _layers(spec, net.decoder)
    _norm(spec.layer_norm, net.decoded)
