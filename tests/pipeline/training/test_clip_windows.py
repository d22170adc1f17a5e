import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tacit.models.features import MODALITIES
from tacit.pipeline.config import Settings
from tacit.pipeline.training.clip_windows import ClipReader, inside, labelled_windows
from tacit.pipeline.training.labels import LabelledClip
from tacit.stream.errors import StreamError
from tests.fakes.media import tone, write_audio

TIMES = np.array([[0.0, 0.5], [0.0, 1.0], [0.0, 3.0], [2.0, 5.0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("start_s", "end_s", "rows"),
    [
        (0.0, math.inf, [0, 1, 2, 3]),
        (0.0, 1.0, [0, 1, 2]),
        (2.0, 2.4, [2, 3]),
        (3.4, 9.0, [3]),
        (7.0, 9.0, []),
    ],
)
def test_windows_belong_to_the_stretch_they_mostly_show(
    start_s: float, end_s: float, rows: list[int]
) -> None:
    assert inside(TIMES, start_s, end_s).tolist() == rows


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of a buzzing voice; sound alone is read much faster than a face."""
    rate_hz = 16_000
    buzz = sum(tone(6.0, rate_hz, 120.0 * k, 0.3 / k) for k in range(1, 8))
    assert isinstance(buzz, np.ndarray)
    swell = (0.6 + 0.4 * tone(6.0, rate_hz, 3.0, 1.0)).astype(np.float32)
    path = tmp_path_factory.mktemp("media") / "sample.wav"
    write_audio(path, (buzz * swell)[None], rate_hz)
    return path


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ClipReader:
    settings = Settings(asr="off")
    return ClipReader(settings, tmp_path_factory.mktemp("cache"), lambda line: None)


@pytest.mark.media
def test_a_clip_gives_the_windows_that_a_replay_reads(reader: ClipReader, sample: Path) -> None:
    """The tokens are those of the hub: predicting from them gives the events of the replay."""
    from tacit.models.features import FeatureWindow
    from tacit.models.recognizer import Recognizer
    from tacit.pipeline.events import MeasurementResult
    from tacit.pipeline.plan import ReplayRequest
    from tacit.pipeline.runner import replay

    tokens = reader.read(sample)
    recognizer = Recognizer.load()
    request = ReplayRequest(sample, Settings(asr="off"), inline=True)
    with replay(request) as session:
        results = [e for e in session if isinstance(e, MeasurementResult)]
    assert len(tokens.times_s) == sum(
        any(result.modalities[m].source == "measured" for m in MODALITIES) for result in results
    )
    last = results[-1]
    window = FeatureWindow(
        "p1",
        last.window.start_ms * 1_000_000,
        last.window.end_ms * 1_000_000,
        {m: tokens.values[m][-1] for m in MODALITIES},
        {m: tokens.mask[m][-1] for m in MODALITIES},
        dict.fromkeys(MODALITIES, 1.0),
    )
    found = recognizer.predict(window)
    assert found.confidence == pytest.approx(last.fused.confidence, abs=1e-3)


@pytest.mark.media
def test_windows_are_kept_and_read_back(
    reader: ClipReader, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = reader.read(sample)
    monkeypatch.setattr(reader, "_fresh", lambda path: pytest.fail("read again"))
    again = reader.read(sample)
    assert np.array_equal(first.times_s, again.times_s)
    assert all(np.array_equal(first.values[m], again.values[m]) for m in MODALITIES)


@pytest.mark.media
def test_labelled_stretches_become_windows_by_part(reader: ClipReader, sample: Path) -> None:
    whole = LabelledClip("sample.wav", sample, "happiness")
    late = replace(whole, emotion="fear", part="valid", start_s=4.0, end_s=6.0)
    beyond = replace(whole, part="test", start_s=1000.0)
    lines: list[str] = []
    found = labelled_windows([whole, late, beyond], reader, lines.append)
    assert set(found) == {"train", "valid"}
    assert found["train"].counts() == {"happiness": 1}
    assert found["valid"].counts() == {"fear": 1}
    assert 0 < len(found["valid"]) < len(found["train"])
    assert any("nothing was measured in the labelled stretch" in line for line in lines)


def test_what_is_no_media_is_named(reader: ClipReader, tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    path.write_bytes(b"no sound in here")
    with pytest.raises(StreamError, match=r"noise\.wav"):
        reader.read(path)
