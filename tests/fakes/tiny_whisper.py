"""Builds a real but untrained Whisper model in CTranslate2 form, with no network and no hub.

It runs through faster-whisper as a published one does (voice, languages, timestamps, alignment);
the words that it finds are arbitrary. Vocabulary and ids are laid out as in the multilingual
Whisper models, with invented words in place of the learnt ones.
"""

import json
from pathlib import Path
from typing import Any

import ctranslate2.specs
import numpy as np
from faster_whisper.tokenizer import _LANGUAGE_CODES
from numpy.typing import NDArray
from tokenizers.pre_tokenizers import ByteLevel

TEXT_TOKENS = 50_257
LANGUAGES = 99
TIMESTAMPS = 1_501
WIDTH, HEADS, MELS = 16, 2, 80


def build_tiny_whisper(folder: Path, seed: int = 0) -> Path:
    """Write model.bin, config.json, vocabulary.json and tokenizer.json into a new folder."""
    folder.mkdir(parents=True)
    tokens = _tokens()
    spec = ctranslate2.specs.WhisperSpec(1, HEADS, 1, HEADS)
    random = np.random.default_rng(seed)
    _fill_encoder(spec.encoder, random)
    _fill_decoder(spec.decoder, len(tokens), random)
    spec.register_vocabulary(tokens)
    first = TEXT_TOKENS + 2
    spec.config.lang_ids = list(range(first, first + LANGUAGES))
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [TEXT_TOKENS]
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(tokens)))
    return folder


def _tokens() -> list[str]:
    letters = sorted(ByteLevel.alphabet())
    words = [f"Ġ{a}{b}{c}" for a in _SYLLABLES for b in _SYLLABLES for c in _SYLLABLES]
    text = (letters + words)[:TEXT_TOKENS]
    specials = [
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{code}|>" for code in _LANGUAGE_CODES[:LANGUAGES]),
        *(f"<|{name}|>" for name in ("translate", "transcribe", "startoflm", "startofprev")),
        "<|nospeech|>",
        "<|notimestamps|>",
    ]
    return text + specials + [f"<|{i * 0.02:.2f}|>" for i in range(TIMESTAMPS)]


_SYLLABLES = [consonant + vowel for consonant in "bdfgklmn" for vowel in "aeiou"][:37]


def _tokenizer(tokens: list[str]) -> dict[str, Any]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "added_tokens": [
            {
                "id": i,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for i, token in enumerate(tokens[TEXT_TOKENS:-TIMESTAMPS], TEXT_TOKENS)
        ],
        "pre_tokenizer": {**byte_level, "use_regex": True},
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {token: i for i, token in enumerate(tokens[:TEXT_TOKENS])},
            "merges": [],
        },
    }


def _matrix(random: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return (random.standard_normal(shape) * 0.3).astype(np.float32)


def _linear(spec: Any, random: np.random.Generator, rows: int, columns: int) -> None:
    spec.weight = _matrix(random, rows, columns)
    spec.bias = np.zeros(rows, dtype=np.float32)


def _norm(spec: Any) -> None:
    spec.gamma = np.ones(WIDTH, dtype=np.float32)
    spec.beta = np.zeros(WIDTH, dtype=np.float32)


def _attention(spec: Any, random: np.random.Generator, rows: tuple[int, ...]) -> None:
    for linear, count in zip(spec.linear, rows, strict=True):
        _linear(linear, random, count * WIDTH, WIDTH)
    _norm(spec.layer_norm)


def _feed_forward(spec: Any, random: np.random.Generator) -> None:
    _linear(spec.linear_0, random, 4 * WIDTH, WIDTH)
    _linear(spec.linear_1, random, WIDTH, 4 * WIDTH)
    _norm(spec.layer_norm)


def _fill_encoder(spec: Any, random: np.random.Generator) -> None:
    for convolution, channels in ((spec.conv1, MELS), (spec.conv2, WIDTH)):
        convolution.weight = _matrix(random, WIDTH, channels, 3)
        convolution.bias = np.zeros(WIDTH, dtype=np.float32)
    spec.position_encodings.encodings = _matrix(random, 1500, WIDTH)
    _norm(spec.layer_norm)
    for layer in spec.layer:
        _attention(layer.self_attention, random, (3, 1))
        _feed_forward(layer.ffn, random)


def _fill_decoder(spec: Any, vocabulary: int, random: np.random.Generator) -> None:
    spec.embeddings.weight = _matrix(random, vocabulary, WIDTH)
    spec.projection.weight = spec.embeddings.weight
    spec.position_encodings.encodings = _matrix(random, 448, WIDTH)
    _norm(spec.layer_norm)
    for layer in spec.layer:
        _attention(layer.self_attention, random, (3, 1))
        _attention(layer.attention, random, (1, 2, 1))
        _feed_forward(layer.ffn, random)
