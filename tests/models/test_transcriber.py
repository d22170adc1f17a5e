from pathlib import Path

import numpy as np
import pytest
from faster_whisper.audio import decode_audio

from tacit.models.features import Float32
from tacit.models.transcriber import Transcriber, TranscriberConfig, Transcript
from tacit.models.transcriber_weights import load_whisper
from tacit.models.voice_activity import GateConfig, VoiceActivity
from tests.fakes.scripted_speech import ScriptedSpeech, loudness_detector, sound
from tests.fakes.tiny_whisper import build_tiny_whisper

S = 1_000_000_000
SAMPLE_NS = 62_500
LOUD = 0.5


def run(
    transcriber: Transcriber, samples: Float32, chunk: int = 1600, t0_ns: int = 0
) -> list[Transcript]:
    out = []
    for start in range(0, len(samples), chunk):
        out += transcriber.step(samples[start : start + chunk], t0_ns + start * SAMPLE_NS)
    return out + transcriber.flush()


def scripted(
    *readings: str, config: TranscriberConfig | None = None, language: str = "en"
) -> tuple[Transcriber, ScriptedSpeech]:
    speech = ScriptedSpeech(*readings, language=language)
    return Transcriber(speech, loudness_detector(), config), speech


def test_a_spoken_phrase_gives_partials_and_one_final() -> None:
    transcriber, speech = scripted("ask", "ask not", "ask not what")
    found = run(transcriber, sound((1, 0), (2.5, LOUD), (2, 0)))
    assert [t.final for t in found] == [False, False, True]
    assert [t.committed for t in found] == [0, 1, 3]
    assert found[-1].text == "ask not what"
    assert {t.segment for t in found} == {0}
    assert len(speech.heard) == 3


def test_times_are_those_of_the_stream() -> None:
    transcriber, _ = scripted("ask not")
    t0_ns = 7 * S
    final = run(transcriber, sound((1, 0), (1, LOUD), (2, 0)), t0_ns=t0_ns)[-1]
    # Pre-roll .32 s before the sound and .19 s of silence after it, to the hop.
    assert final.t0_ns == pytest.approx(t0_ns + 0.68 * S, abs=0.04 * S)
    assert final.t1_ns == pytest.approx(t0_ns + 2.19 * S, abs=0.04 * S)
    assert [w.t0_ns - final.t0_ns for w in final.words] == [0, S // 4]
    assert final.words[1].t1_ns - final.words[1].t0_ns == S // 4


def test_nothing_is_recognised_without_speech() -> None:
    transcriber, speech = scripted("thank you for watching")
    assert run(transcriber, sound((20, 0.01))) == []
    assert speech.heard == []


def test_a_click_is_not_speech() -> None:
    transcriber, speech = scripted("you")
    assert run(transcriber, sound((1, 0), (0.1, LOUD), (1, 0), (0.1, LOUD), (1, 0))) == []
    assert speech.heard == []


def test_two_phrases_are_two_segments() -> None:
    transcriber, _ = scripted("yes")
    found = run(transcriber, sound((0.6, LOUD), (1.5, 0), (0.6, LOUD), (1.5, 0)))
    assert [(t.segment, t.final) for t in found] == [(0, True), (1, True)]
    assert found[0].t1_ns <= found[1].t0_ns


def test_long_speech_is_cut_where_it_is_quietest() -> None:
    config = TranscriberConfig(max_segment_hops=100)
    transcriber, speech = scripted("la", config=config)
    samples = sound((2.6, LOUD), (0.1, 0), (3, LOUD))
    finals = [t for t in run(transcriber, samples) if t.final]
    assert len(finals) == 2
    assert finals[0].t1_ns == pytest.approx(2.6 * S, abs=0.07 * S)
    assert finals[1].t0_ns == finals[0].t1_ns
    assert max(len(heard) for heard in speech.heard) <= 100 * 512


def test_flush_closes_an_open_segment() -> None:
    transcriber, _ = scripted("wait")
    assert transcriber.step(sound((0.6, LOUD)), 0) == []
    speaking = [transcriber.speaking]
    (final,) = transcriber.flush()
    assert final.final
    assert [*speaking, transcriber.speaking] == [True, False]
    assert transcriber.flush() == []


def test_a_hole_in_the_stream_closes_the_segment() -> None:
    transcriber, speech = scripted("before", "after")
    loud = sound((0.6, LOUD))
    transcriber.step(loud, 0)
    (before,) = transcriber.step(loud, 5 * S)
    (after,) = transcriber.flush()
    assert (before.text, before.final, before.t1_ns <= S) == ("before", True, True)
    assert (after.text, after.t0_ns) == ("after", 5 * S)
    assert len(speech.heard) == 2


def test_jitter_of_a_hop_is_no_hole() -> None:
    transcriber, _ = scripted("on")
    loud = sound((0.6, LOUD))
    transcriber.step(loud, 0)
    transcriber.step(loud, 620_000_000)
    (final,) = transcriber.flush()
    assert final.segment == 0
    assert final.t1_ns == pytest.approx(1.2 * S, abs=0.05 * S)


@pytest.mark.parametrize("chunk", [160, 512, 777, 16_000, 100_000])
def test_any_chunking_gives_the_same(chunk: int) -> None:
    samples = sound((0.5, 0), (2.3, LOUD), (1, 0), (1.2, LOUD), (1, 0))
    readings = ("so", "so my", "so my friend")
    expected = run(scripted(*readings)[0], samples)
    assert run(scripted(*readings)[0], samples, chunk) == expected
    assert len(expected) > 3


def test_partials_can_be_skipped_by_a_recogniser_that_is_late() -> None:
    transcriber, speech = scripted("late")
    found = transcriber.step(sound((3, LOUD), (1, 0)), 0, partials=False)
    assert [t.final for t in found] == [True]
    assert len(speech.heard) == 1


def test_the_recogniser_runs_without_sampling_and_memory() -> None:
    transcriber, speech = scripted("ja", language="de")
    found = run(transcriber, sound((2.5, LOUD), (1, 0)))
    assert {t.language for t in found} == {"de"}
    # Detected once, then held for the segment.
    assert [o["language"] for o in speech.options] == [None, "de", "de"]
    for options in speech.options:
        assert (options["temperature"], options["beam_size"]) == (0.0, 1)
        assert options["condition_on_previous_text"] is False


def test_broken_samples_never_reach_the_recogniser() -> None:
    transcriber, speech = scripted("x")
    samples = sound((1, LOUD), (1, 0))
    samples[5000:5100] = np.nan
    run(transcriber, samples)
    assert all(np.isfinite(heard).all() for heard in speech.heard)
    assert speech.heard


@pytest.mark.parametrize(
    "fields", [{"partial_hops": 0}, {"pre_roll_hops": -1}, {"max_segment_hops": 20}]
)
def test_config_is_checked(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="hops"):
        TranscriberConfig(**fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.mark.data
def test_real_speech_runs_through_a_real_whisper(tiny: Path, data_root: Path) -> None:
    speech = decode_audio(str(data_root / "media" / "jfk.flac"))[: 4 * 16_000]
    found = run(Transcriber(load_whisper(str(tiny)), VoiceActivity.load()), speech, 4000)
    finals = [t for t in found if t.final]
    assert finals
    assert any(t.words for t in found)
    for transcript in found:
        times = [t for w in transcript.words[: transcript.committed] for t in (w.t0_ns, w.t1_ns)]
        assert times == sorted(times)
        assert all(transcript.t0_ns <= t <= transcript.t1_ns + S for t in times)
        assert transcript.committed <= len(transcript.words)


def test_a_real_whisper_is_deterministic(tiny: Path) -> None:
    samples = sound((1.2, LOUD), (1, 0))
    config = TranscriberConfig(gate=GateConfig(), partial_hops=200)
    first, second = (
        run(Transcriber(load_whisper(str(tiny)), loudness_detector(), config), samples)
        for _ in range(2)
    )
    assert first == second
    assert first


def test_half_a_minute_of_noise_never_reaches_whisper() -> None:
    random = np.random.default_rng(1)
    noise = (0.2 * random.standard_normal(30 * 16_000)).astype(np.float32)
    speech = ScriptedSpeech("babble")
    assert run(Transcriber(speech, VoiceActivity.load()), noise, 16_000) == []
    assert speech.heard == []
