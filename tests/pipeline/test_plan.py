from pathlib import Path

import numpy as np
import pytest

from tacit.models.errors import CheckpointError, ModelError
from tacit.pipeline.config import ConfigError, Settings, Windows
from tacit.pipeline.inject import InjectError
from tacit.pipeline.plan import ReplayRequest, make_plan, on_bus, window_config
from tacit.stream.endpoints import BusPlace, new_shared_keys
from tacit.stream.errors import MediaError


def request(media: Path, inject: str = "", settings: Settings | None = None) -> ReplayRequest:
    return ReplayRequest(media, settings or Settings(asr="off"), inject)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of sound without pictures."""
    import wave

    path = tmp_path_factory.mktemp("plan") / "voice.wav"
    samples = np.random.default_rng(0).normal(0, 3000, 8000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return path


def test_what_a_recording_holds_decides_what_runs(voice: Path, sample: Path) -> None:
    both = make_plan(request(sample))
    assert set(both.jobs) == {"audio", "face"}
    assert list(both.disabled) == ["text"]
    sound = make_plan(request(voice))
    assert set(sound.jobs) == {"audio"}
    assert sound.disabled["face"] == "no_video_stream"
    assert sound.starts["face"].state == "disabled"
    assert sound.starts["audio"].state == "starting"


def test_the_session_id_names_the_recording_and_the_damage(sample: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other-name.mp4"
    copy.write_bytes(sample.read_bytes())
    plain, copied = make_plan(request(sample)), make_plan(request(copy))
    assert plain.session_id == copied.session_id
    assert make_plan(request(sample, "face:freeze@1-2")).session_id != plain.session_id


def test_a_missing_speech_model_disables_words_unless_a_folder_was_named(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    named = make_plan(request(sample, settings=Settings(asr="large-v3")))
    assert "large-v3" in named.disabled["text"]
    with pytest.raises(ModelError, match="nothing-here"):
        make_plan(request(sample, settings=Settings(asr=str(tmp_path / "nothing-here"))))


def test_mistakes_are_found_before_anything_starts(voice: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mp4"):
        make_plan(request(tmp_path / "gone.mp4"))
    with pytest.raises(InjectError):
        make_plan(request(voice, "face:melt"))
    with pytest.raises(CheckpointError):
        make_plan(request(voice, settings=Settings(weights=tmp_path, asr="off")))
    with pytest.raises(ConfigError, match="every modality is off"):
        make_plan(request(voice, "audio:off"))


def test_windows_are_checked_against_the_grid() -> None:
    assert window_config(Settings()).hop_ns == 500_000_000
    with pytest.raises(ConfigError, match="windows: hop_ns"):
        window_config(Settings(windows=Windows(hop_ms=330)))


def test_a_job_on_the_bus_has_its_endpoint_and_the_keys_of_the_place(sample: Path) -> None:
    job = make_plan(request(sample)).jobs["face"]
    on_ipc = on_bus(job, BusPlace("run", None), "face")
    assert on_ipc.publish == "ipc://run/face"
    assert on_ipc.keys is None
    keys = new_shared_keys()
    on_tcp = on_bus(job, BusPlace(None, keys), "face")
    assert on_tcp.publish.startswith("tcp://127.0.0.1:")
    assert on_tcp.bus_options.curve == keys
