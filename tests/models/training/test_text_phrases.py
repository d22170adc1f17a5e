from pathlib import Path

import numpy as np
import pytest
import torch

from tacit.models.errors import DatasetError
from tacit.models.labels import INDEX
from tacit.models.text_encoder import TextConfig, TextEncoder, TextNet
from tacit.models.text_tokens import train_tokenizer
from tacit.models.training.text_phrases import comments

ROWS = [
    ("I LOVE this!", "1", "1"),
    ("What now?", "6", "2"),
    ("so sad and so angry", "0,5", "3"),
    ("fine.", "4", "4"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "text" / "goemotions"
    folder.mkdir(parents=True)
    names = ["anger", "joy", "disgust", "fear", "neutral", "sadness", "surprise"]
    (folder / "ekman_labels.txt").write_text("\n".join(names) + "\n")
    for name in ("ekman_train.tsv", "train.tsv"):
        (folder / name).write_text("\n".join("\t".join(row) for row in ROWS) + "\n")
    return tmp_path


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    torch.manual_seed(0)
    tokenizer = train_tokenizer([text for text, _, _ in ROWS] * 5, 60)
    config = TextConfig(
        vocabulary=tokenizer.get_vocab_size(), width=8, channels=4, dim=6, max_tokens=16
    )
    return TextEncoder(TextNet(config).eval(), tokenizer, config)


def test_comments_with_one_class_are_encoded(root: Path, encoder: TextEncoder) -> None:
    read = comments(root, "train", encoder)
    wanted = [INDEX["happiness"], INDEX["surprise"], INDEX["neutral"]]
    assert read.labels.tolist() == wanted
    assert read.tokens.shape == read.spoken.shape == (3, 6)
    assert np.allclose(read.tokens[0], encoder.encode("I LOVE this!"), atol=1e-5)
    assert np.allclose(read.spoken[0], encoder.encode("i love this "), atol=1e-5)
    assert np.allclose(read.probabilities[1], encoder.probabilities("What now?"), atol=1e-5)


def test_a_missing_file_is_named(root: Path, encoder: TextEncoder) -> None:
    with pytest.raises(DatasetError, match="dev"):
        comments(root, "valid", encoder)
