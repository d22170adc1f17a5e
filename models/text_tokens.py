"""Byte-pair tokens for the text encoder: trained here, stored beside the weights, hash checked."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from .errors import CheckpointError

TOKENIZER_NAME: Final = "tokenizer.json"
MAX_TOKENIZER_BYTES: Final = 8 * 1024 * 1024
PAD, UNKNOWN, START, END = 0, 1, 2, 3

_SPECIAL: Final = ["[PAD]", "[UNK]", "[START]", "[END]"]
_WORD_START: Final = "▁"
# Words keep their apostrophes (don't); every other mark and each digit stands alone.
_ALONE: Final = r"[^▁\p{L}\p{M}']"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Learn byte-pair merges (Sennrich et al., 2016) on lower-cased, NFKC-folded words.

    The same texts always give the same tokenizer: a mark at the start of a word is used rather
    than the library's continuation prefix, and its alphabet is not cut, because both of these
    depend on the order of a hash table.

    Args:
        texts: sentences of the train split only.
        vocabulary: number of tokens wanted, specials included.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace("\u2019", "'"),
            normalizers.Replace("\u2018", "'"),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=_WORD_START, prepend_scheme="always"),
            pre_tokenizers.Split(Regex(_ALONE), behavior="isolated"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=_SPECIAL, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> str:
    """Write `tokenizer.json` and return its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    blob = tokenizer.to_str().encode("utf-8")
    (folder / TOKENIZER_NAME).write_bytes(blob)
    return hashlib.sha256(blob).hexdigest()


def load_tokenizer(folder: Path, sha256: str) -> Tokenizer:
    """Read `tokenizer.json` after checking its hash.

    Raises:
        CheckpointError: missing, too large, changed, or no tokenizer.
    """
    path = folder / TOKENIZER_NAME
    try:
        if path.stat().st_size > MAX_TOKENIZER_BYTES:
            raise CheckpointError(f"{path}: larger than {MAX_TOKENIZER_BYTES} bytes")
        blob = path.read_bytes()
    except OSError as exc:
        raise CheckpointError(f"{path}: cannot be read ({exc.strerror}); reinstall tacit") from exc
    digest = hashlib.sha256(blob).hexdigest()
    if digest != sha256:
        raise CheckpointError(
            f"{path}: SHA-256 is {digest[:12]}…, the manifest says {sha256[:12]}…; "
            "the file is damaged or changed: reinstall tacit or train it anew"
        )
    return Tokenizer.from_str(blob.decode("utf-8"))


def token_ids(
    tokenizer: Tokenizer, texts: Sequence[str], *, max_tokens: int, max_chars: int
) -> list[NDArray[np.int64]]:
    """Ids of each text between a start and an end token; the *last* words of a long text are kept.

    Speech that runs on is judged by what was said last, and a bound on the characters keeps an
    absurd input from costing more than a long one.

    Args:
        tokenizer: from `train_tokenizer` or `load_tokenizer`.
        texts: any Unicode; lone surrogates count as "?".
        max_tokens: longest row, start and end included.
        max_chars: characters looked at, from the end.

    Returns:
        per text (L,) int64 with 2 <= L <= max_tokens; length 2 means that nothing was said.
    """
    clean = [t[-max_chars:].encode("utf-8", "replace").decode("utf-8") for t in texts]
    encodings: list[Any] = tokenizer.encode_batch(clean, add_special_tokens=False)
    keep = max_tokens - 2
    return [np.array([START, *e.ids[-keep:], END], dtype=np.int64) for e in encodings]


def pad_rows(rows: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Stack rows into (N, longest) int64, padded at the end with `PAD`."""
    padded = np.full((len(rows), max(map(len, rows))), PAD, dtype=np.int64)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded
