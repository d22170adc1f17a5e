import sys
from pathlib import Path

import pytest

from tools.tiny_whisper import train
from tools.tiny_whisper.espeak import Voice, available
from tools.tiny_whisper.judge import Verdict
from tools.tiny_whisper.speech import SENTENCES, say


@pytest.mark.skipif(not available(), reason="needs espeak-ng to speak")
def test_it_trains_converts_and_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "corpus", lambda _rng: [say(SENTENCES[0], Voice("en-us"))])
    judged: list[Path] = []

    def judge(folder: Path, _snr_db: float) -> Verdict:
        judged.append(folder)
        return Verdict(0.0, 0.0, 0.1, 0.2)

    monkeypatch.setattr(train, "judge", judge)
    out, keep = tmp_path / "out", tmp_path / "keep.safetensors"
    monkeypatch.setattr(
        sys, "argv", ["train", "--steps", "1", "--out", str(out), "--keep", str(keep)]
    )
    train.main()
    assert judged == [out, out]
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json",
        "model.bin",
        "tokenizer.json",
        "vocabulary.json",
    ]
    assert not keep.exists()
