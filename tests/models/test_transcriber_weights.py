from pathlib import Path

import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.models.transcriber_weights import load_whisper
from tests.fakes.tiny_whisper import build_tiny_whisper


def test_a_folder_opens_and_reads_sound(tmp_path: Path) -> None:
    model = load_whisper(str(build_tiny_whisper(tmp_path / "tiny")))
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    segments, info = model.transcribe(sound, beam_size=1, max_new_tokens=4)
    list(segments)
    assert info.language


def test_nothing_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="none-such"):
        load_whisper(str(tmp_path / "none-such"))
