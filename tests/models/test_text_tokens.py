from pathlib import Path

import pytest

from tacit.models.errors import CheckpointError
from tacit.models.text_tokens import (
    END,
    START,
    TOKENIZER_NAME,
    load_tokenizer,
    save_tokenizer,
    token_ids,
    train_tokenizer,
)

TEXTS = ["I don't know", "don't you know?", "you know what I know!"] * 5


def test_the_same_texts_give_the_same_tokenizer(tmp_path: Path) -> None:
    hashes = [save_tokenizer(train_tokenizer(TEXTS, 60), tmp_path / str(k)) for k in range(3)]
    assert len(set(hashes)) == 1


def test_case_and_curly_quotes_make_no_difference() -> None:
    tokenizer = train_tokenizer(TEXTS, 60)
    plain, fancy = token_ids(
        tokenizer, ["don't know", "DON\u2019T  know"], max_tokens=64, max_chars=100
    )
    assert list(plain) == list(fancy)
    assert (plain[0], plain[-1]) == (START, END)


def test_a_changed_tokenizer_is_refused(tmp_path: Path) -> None:
    digest = save_tokenizer(train_tokenizer(TEXTS, 60), tmp_path)
    load_tokenizer(tmp_path, digest)
    path = tmp_path / TOKENIZER_NAME
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(CheckpointError, match=TOKENIZER_NAME):
        load_tokenizer(tmp_path, digest)
    path.unlink()
    with pytest.raises(CheckpointError, match=TOKENIZER_NAME):
        load_tokenizer(tmp_path, digest)
