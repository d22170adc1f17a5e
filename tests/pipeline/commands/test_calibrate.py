from pathlib import Path

import numpy as np
import pytest

from tacit.models.features import MODALITIES, FeatureWindow, Float32, Modality
from tacit.pipeline.baseline import ProfileError, read_profile
from tacit.pipeline.cli import app
from tacit.pipeline.commands import calibrate as command
from tacit.pipeline.commands.calibrate import TokenCollector
from tacit.pipeline.commands.demo import SAMPLE
from tacit.pipeline.config import Settings
from tacit.pipeline.job import Job
from tacit.pipeline.predictors import InlinePredictor
from tests.fakes.media import write_audio

BINS = 12
HOP_NS = 500_000_000


def numbered(index: int) -> FeatureWindow:
    """A window whose bins hold their own number in the session; every third is not measured."""
    t1_ns = (index + 1) * HOP_NS
    bins = np.arange(BINS) + 2 * (index + 1) - BINS
    values: dict[Modality, Float32] = dict.fromkeys(MODALITIES, bins[:, None].astype(np.float32))
    mask = dict.fromkeys(MODALITIES, (bins >= 0) & (bins % 3 > 0))
    return FeatureWindow("p1", 0, t1_ns, values, mask, dict.fromkeys(MODALITIES, 1.0))


def test_every_measured_bin_is_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InlinePredictor, "submit", lambda *_: None)
    collector = TokenCollector(Job(settings=Settings()))
    for index in range(10):
        collector.submit(index, numbered(index))
    kept = [int(token[0]) for token in collector.tokens["audio"]]
    assert kept == [k for k in range(20) if k % 3]
    assert set(collector.tokens) == {"audio", "face"}


@pytest.mark.media
def test_too_little_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    write_audio(path, np.zeros((1, 16_000), np.float32), 16_000)
    with pytest.raises(ProfileError, match=r"only .* s of audio .* about 10 s of one person"):
        app(["calibrate", str(path), "-o", str(tmp_path / "me.json")], standalone_mode=False)
    assert not (tmp_path / "me.json").exists()


@pytest.mark.media
def test_the_sample_becomes_a_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "me.json"
    app(["calibrate", str(SAMPLE), "-o", str(out)], standalone_mode=False)
    profile = read_profile(out)
    assert set(profile.modalities) == {"audio", "face"}
    for part in profile.modalities.values():
        assert part.seconds >= command.LEAST_S
        assert np.isfinite(part.mean).all()
    assert str(out) in capsys.readouterr().out
