import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from faster_whisper.audio import decode_audio
from faster_whisper.vad import get_vad_model

from tacit.models.errors import ModelError
from tacit.models.features import Float32
from tacit.models.voice_activity import HOP, GateConfig, SpeechGate, VoiceActivity

RATE = 16_000


@pytest.fixture(scope="module")
def voice() -> VoiceActivity:
    return VoiceActivity.load()


def noise(colour: float, seconds: int, peak: float) -> Float32:
    """Noise whose power falls with frequency to the power `colour`."""
    random = np.random.default_rng(7)
    spectrum = np.fft.rfft(random.standard_normal(seconds * RATE))
    frequency = np.maximum(np.arange(len(spectrum)), 1.0)
    wave = np.fft.irfft(spectrum / frequency ** (colour / 2))
    scaled: Float32 = (peak * wave / np.abs(wave).max()).astype(np.float32)
    return scaled


def hum(seconds: int) -> Float32:
    t = np.arange(seconds * RATE) / RATE
    wave: Float32 = 0.3 * np.sin(2 * np.pi * 50 * t) + 0.1 * np.sin(2 * np.pi * 150 * t)
    return wave.astype(np.float32, copy=False)


def opened(voice: VoiceActivity, samples: Float32) -> list[bool]:
    probabilities, _ = voice.step(samples, voice.initial_state())
    gate = SpeechGate(GateConfig())
    return [gate.push(float(p)) for p in probabilities]


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.zeros(10 * RATE, dtype=np.float32), id="silence"),
        pytest.param(noise(0.0, 10, 0.3), id="white"),
        pytest.param(noise(0.0, 10, 1.0), id="loud white"),
        pytest.param(noise(1.0, 10, 0.5), id="pink"),
        pytest.param(noise(2.0, 10, 0.9), id="brown"),
        pytest.param(hum(10), id="hum"),
    ],
)
def test_no_speech_in_silence_and_noise(voice: VoiceActivity, samples: Float32) -> None:
    assert not any(opened(voice, samples))


@pytest.mark.data
def test_a_real_speech_is_found(voice: VoiceActivity, data_root: Path) -> None:
    speech = decode_audio(str(data_root / "media" / "jfk.flac"))
    assert 0.6 < np.mean(opened(voice, speech)) < 0.95


@pytest.mark.data
def test_speech_in_pink_noise_is_found(voice: VoiceActivity, data_root: Path) -> None:
    speech = decode_audio(str(data_root / "media" / "jfk.flac"))
    mixed = speech + noise(1.0, 11, 0.2)[: len(speech)]
    assert np.mean(opened(voice, mixed)) > 0.4


@pytest.mark.data
def test_probabilities_match_the_bundled_wrapper(voice: VoiceActivity, data_root: Path) -> None:
    speech = decode_audio(str(data_root / "media" / "jfk.flac"))
    speech = speech[: len(speech) // HOP * HOP]
    ours, _ = voice.step(speech, voice.initial_state())
    theirs = get_vad_model()(speech.copy())
    # The wrapper blanks the last 64 samples it is given, so its last hop is another one.
    assert ours[:-1] == pytest.approx(theirs[:-1], abs=1e-4)


def test_a_synthetic_voice_is_found(voice: VoiceActivity, tmp_path: Path) -> None:
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("needs espeak-ng: install it to test with a synthetic voice")
    file = tmp_path / "voice.wav"
    text = "Ask not what your country can do for you, ask what you can do for your country."
    subprocess.run([program, "-w", str(file), text], check=True, timeout=20)
    assert np.mean(opened(voice, decode_audio(str(file)))) > 0.3


@pytest.mark.parametrize("chunk", [1, 160, 511, 512, 513, 4000])
def test_any_chunking_gives_the_same(voice: VoiceActivity, chunk: int) -> None:
    samples = noise(1.0, 1, 0.8)[:2600] if chunk == 1 else noise(1.0, 1, 0.8)
    whole, end = voice.step(samples, voice.initial_state())
    state, parts = voice.initial_state(), []
    for start in range(0, len(samples), chunk):
        found, state = voice.step(samples[start : start + chunk], state)
        parts.append(found)
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-5)
    assert len(whole) == len(samples) // HOP
    assert (state.rest == end.rest).all()
    assert state.h == pytest.approx(end.h, abs=1e-4)


def test_broken_samples_count_as_zero(voice: VoiceActivity) -> None:
    broken = np.full(4 * HOP, np.nan, dtype=np.float32)
    broken[::3] = np.inf
    found, state = voice.step(broken, voice.initial_state())
    silent, _ = voice.step(np.zeros(4 * HOP, dtype=np.float32), voice.initial_state())
    assert (found == silent).all()
    assert np.isfinite(state.h).all()


def test_a_missing_or_broken_detector_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"vad\.onnx: no voice detector here"):
        VoiceActivity.load(tmp_path / "vad.onnx")
    (tmp_path / "vad.onnx").write_bytes(b"no graph at all" * 99)
    with pytest.raises(ModelError, match=r"vad\.onnx: not a usable ONNX file"):
        VoiceActivity.load(tmp_path / "vad.onnx")


def states(probabilities: list[float], config: GateConfig) -> str:
    gate = SpeechGate(config)
    return "".join("#" if gate.push(p) else "." for p in probabilities)


CONFIG = GateConfig(min_speech_hops=3, hangover_hops=4)


def test_gate_opens_after_enough_speech() -> None:
    assert states([0.9] * 5, CONFIG) == "..###"


def test_gate_ignores_a_click() -> None:
    assert states([0.9, 0.9, 0.0, 0.0, 0.9, 0.9, 0.0, 0.0], CONFIG) == "........"


def test_gate_bridges_a_short_dip_at_the_onset() -> None:
    assert states([0.9, 0.9, 0.1, 0.9], CONFIG) == "...#"


def test_gate_stays_open_over_a_pause_and_closes_after_the_hangover() -> None:
    assert states([0.9] * 3 + [0.0] * 3 + [0.9] + [0.0] * 5, CONFIG) == "..########.."


def test_gate_has_hysteresis() -> None:
    assert states([0.9] * 3 + [0.4] * 8, CONFIG) == ".." + "#" * 9
    assert states([0.4] * 8, CONFIG) == "........"


def test_gate_counts_hops_since_the_onset() -> None:
    gate = SpeechGate(CONFIG)
    for probability in (0.0, 0.9, 0.1, 0.9, 0.9):
        gate.push(probability)
    assert gate.open
    assert gate.onset_hops == 4


@pytest.mark.parametrize(
    "fields", [{"enter": 0.3, "leave": 0.4}, {"leave": 0.0}, {"min_speech_hops": 0}]
)
def test_gate_config_is_checked(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"leave|least 1"):
        GateConfig(**fields)  # type: ignore[arg-type]
