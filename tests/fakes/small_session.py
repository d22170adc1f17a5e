"""A session of made-up features, recorded in milliseconds, and a reader of windows for it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tacit.models.features import MODALITIES, FeatureWindow, Modality, Prediction, Source
from tacit.pipeline.config import Settings
from tacit.pipeline.events import Event
from tacit.pipeline.intake import Intake, Jobs, SessionSetup, Tap
from tacit.pipeline.predictors import ModelIdentity
from tacit.pipeline.quality import Quality
from tacit.pipeline.recorder import Recorder, RecordOptions
from tacit.pipeline.session_format import SessionFacts
from tacit.pipeline.stages.reports import feature_meta
from tacit.pipeline.supervisor import Death
from tacit.stream.packet import NS_PER_MS, NS_PER_S, Packet

DIMS: dict[Modality, int] = {"audio": 2, "face": 3, "text": 2}
IDENTITY = ModelIdentity("small", "0" * 64, DIMS)
SETUP = SessionSetup("small-1", "p1", "made-up", Settings(), {})


class SmallPredictor:
    """Reads a window from the sum of its tokens, the same way every time."""

    def __init__(self, identity: ModelIdentity = IDENTITY) -> None:
        self._identity = identity
        self._done: list[tuple[int, Prediction, int]] = []

    def launch(self) -> None:
        pass

    def ready(self) -> ModelIdentity:
        return self._identity

    def submit(self, job: int, window: FeatureWindow) -> None:
        self._done.append((job, predict(window), 1_000_000))

    def poll(self, timeout_s: float = 0.0) -> list[tuple[int, Prediction, int]]:
        done, self._done = self._done, []
        return done

    def deaths(self) -> list[Death]:
        return []

    def close(self) -> None:
        pass


def predict(window: FeatureWindow) -> Prediction:
    total = sum(float(window.values[m][window.mask[m]].sum()) for m in MODALITIES)
    scores = np.exp(np.sin(total + np.arange(7.0)))
    probabilities = (scores / scores.sum()).astype(np.float32)
    sources: dict[Modality, Source] = {
        m: "measured" if window.mask[m].any() else "absent" for m in MODALITIES
    }
    lead = float(probabilities.max())
    return Prediction(window.t0_ns, window.t1_ns, probabilities, 0.25, -0.5, lead, False, sources)


def feature(modality: Modality, t_ns: int, seq: int, late_ns: int = 0) -> Packet:
    duration_ns = 40 * NS_PER_MS
    end_ns = t_ns + duration_ns
    values = np.random.default_rng([seq, len(modality)]).random(DIMS[modality], dtype=np.float32)
    meta = feature_meta(Quality(), duration_ns, end_ns)
    times = (t_ns, duration_ns, end_ns + late_ns)
    return Packet("feature", modality, "p1", modality, 0, seq, *times, values, meta)


def words(t_ns: int) -> Packet:
    meta: dict[str, Any] = {
        "final": True,
        "language": "en",
        "words": [["hello", t_ns, t_ns + NS_PER_S, 0.9]],
    }
    times = (t_ns, NS_PER_S, t_ns + NS_PER_S)
    return Packet("transcript", "text", "p1", "text", 0, 0, *times, meta=meta)


def packets(seconds: float) -> Iterator[Packet]:
    for seq, t_ns in enumerate(range(0, round(seconds * NS_PER_S), 40 * NS_PER_MS)):
        yield feature("audio", t_ns, seq)
        yield feature("face", t_ns, seq)
        if seq == 20:
            yield words(0)
    end_ns = round(seconds * NS_PER_S)
    for modality in MODALITIES:
        yield Packet("end", modality, "p1", modality, 0, 9999, end_ns, 0, end_ns)


def answered(intake: Intake, jobs: Jobs) -> list[Event]:
    for number, job in jobs:
        intake.journal.answer(number, predict(job.closed.window), 1_000_000)
    return intake.journal.flush()


def play(feed: Iterable[Packet], tap: Tap | None = None) -> Iterator[Event]:
    """The events of a session of packets, as they become certain."""
    intake = Intake(SETUP, IDENTITY, tap)
    yield intake.ready
    yield from intake.journal.flush()
    for packet in feed:
        yield from answered(intake, intake.accept(packet))
    yield from answered(intake, intake.finish())
    yield from intake.close("end")


def run(feed: Iterable[Packet], tap: Tap | None = None) -> list[Event]:
    """All events of a session of packets."""
    return list(play(feed, tap))


def facts(**changes: object) -> SessionFacts:
    fields = {
        "tacit": "0.1.0",
        "session_id": SETUP.session_id,
        "participant": SETUP.participant,
        "source": SETUP.source,
        "created_utc": "2026-01-01T00:00:00+00:00",
        "settings": SETUP.settings,
        "disabled": {},
        "duration_ms": 4000,
        "model_id": IDENTITY.id,
        "model_sha256": IDENTITY.sha256,
        "weights": {},
        "dims": DIMS,
    }
    return SessionFacts.model_validate(fields | changes)


def record_small(path: Path, seconds: float = 4.0, **changes: object) -> list[Event]:
    """Record a session; its events."""
    recorder = Recorder(RecordOptions(path))
    recorder.begin(facts(**changes), None)
    events = []
    for event in play(packets(seconds), recorder):
        recorder.event(event)
        events.append(event)
    recorder.close()
    assert recorder.failure == ""
    return events
