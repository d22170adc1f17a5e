"""Rows 23, 24 and 43: values that are no numbers, and a recovery that fails."""

from dataclasses import replace
from typing import Any, Final
from unittest import mock

import numpy as np
import torch

from tacit.models.errors import ModelError
from tacit.models.features import MODALITIES, FeatureWindow, Modality, Prediction
from tacit.models.fusion import Fusion
from tacit.models.recovery.averaging import read_samples
from tacit.models.recovery.condition import Condition
from tacit.models.recovery.cuda import GraphReader
from tacit.models.recovery.runtime import Recovery
from tacit.pipeline.events import MeasurementResult
from tacit.pipeline.faults.outcome import Outcome
from tacit.stream.packet import NS_PER_S, Packet
from tools.fault_rows.clip import Sound
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.virtual import HOP_MS, Spoilt, VirtualGraph, loaded_recognizer, spoil

BAD: Final = (np.nan, np.inf, -np.inf, np.float32(1e-42))


@fault(23, "numbers-in-sound", "V", detect_ms=HOP_MS, recover_ms=HOP_MS, gap_hops=2)
def numbers_in_sound(_setting: Setting) -> Outcome:
    """Samples that are NaN, infinite or denormal come out of a driver."""

    def broken(t_ns: int, block: Sound) -> Sound:
        bad = block.copy()
        bad[::7] = BAD[t_ns // 20_000_000 % 3]
        return bad

    run = spoil(sound=broken)
    return _finite(run, run.outcome("audio", "nonfinite"))


@fault(23, "numbers-in-features", "V", detect_ms=HOP_MS, recover_ms=HOP_MS, gap_hops=2)
def numbers_in_features(_setting: Setting) -> Outcome:
    """A stage gives features that are no numbers."""
    return _altered("face", lambda values: np.full_like(values, np.nan))


@fault(23, "features-of-wrong-shape", "V", detect_ms=HOP_MS, recover_ms=HOP_MS, gap_hops=2)
def features_of_wrong_shape(_setting: Setting) -> Outcome:
    """A stage of another version gives vectors of another length."""
    return _altered("face", lambda values: values[: values.size // 2])


@fault(23, "numbers-in-logits", "U")
def numbers_in_logits(_setting: Setting) -> Outcome:
    """The network itself gives numbers that are none."""
    recognizer, outcome = loaded_recognizer(), Outcome()
    window = _window({"audio", "face"})
    for value in BAD:
        with mock.patch.object(
            type(recognizer),
            "_logits",
            lambda self, tokens, v=value: np.full((1 + len(MODALITIES), 7), v, np.float32),
        ):
            try:
                reading = recognizer.predict(window)
            except (ValueError, ModelError) as exc:
                outcome.check(f"logits of {value} are answered", False, f"{exc!r}")
                continue
        good = _numbers_are_finite(reading)
        found = f"abstained {reading.abstained}"
        outcome.check(f"logits of {value} give finite numbers", good, found)
    return outcome


@fault(24, "recovery-diverges", "U")
def recovery_diverges(_setting: Setting) -> Outcome:
    """What is sampled for a lost face is no number, or far beyond any."""
    outcome = Outcome()
    plain = loaded_recognizer().predict(replace(_window({"audio"}), lost=frozenset()))
    for value, wanted in ((np.nan, "nonfinite"), (1e6, "diverged")):

        def spoilt(
            self: Recovery, fusion: Fusion, condition: Condition, heat: float, v: float = value
        ) -> Any:
            made, _ = _drawn(self, fusion, condition, heat)
            bad = {m: torch.full_like(tensor, v) for m, tensor in made.items()}
            return bad, read_samples(fusion, bad, condition, heat)

        with mock.patch.object(Recovery, "drawn", spoilt):
            reading = loaded_recognizer().predict(_window({"audio"}))
        flag = None if reading.recovery is None else reading.recovery.flag
        outcome.check(f"samples of {value} are flagged", flag in (wanted, "nonfinite"), flag)
        same = bool(np.allclose(reading.probabilities, plain.probabilities))
        outcome.check(f"samples of {value} leave the reading without them", same)
    return outcome


@fault(24, "recovery-too-slow", "U")
def recovery_too_slow(_setting: Setting) -> Outcome:
    """The recovery of a lost face takes longer than its deadline."""
    outcome = Outcome()
    plain = loaded_recognizer().predict(replace(_window({"audio"}), lost=frozenset()))
    reading = loaded_recognizer().predict(_window({"audio"}), expired=lambda: True)
    flag = None if reading.recovery is None else reading.recovery.flag
    outcome.check("it is given up and flagged", flag == "deadline", flag)
    same = bool(np.allclose(reading.probabilities, plain.probabilities))
    outcome.check("the reading without it stands", same)
    return outcome


@fault(43, "gpu-absent", "U")
def gpu_absent(_setting: Setting) -> Outcome:
    """There is no GPU, or it is lost: windows are read on the CPU, and nothing asks for it."""
    outcome = Outcome()
    gone = mock.patch("torch.cuda.is_available", return_value=False)
    lost = mock.patch("torch.cuda._lazy_init", mock.Mock(side_effect=RuntimeError("lost")))
    with gone, lost:
        reading = loaded_recognizer().predict(_window({"audio"}))
        recovered = reading.sources.get("face")
        outcome.check("a window is read", _numbers_are_finite(reading))
        outcome.check("what is lost is recovered on the CPU", recovered == "recovered", recovered)
        try:
            GraphReader(mock.Mock(), mock.Mock(), mock.Mock())
            outcome.check("asking for a GPU by name is refused", False)
        except ModelError as exc:
            outcome.check("asking for a GPU by name is refused", True, exc)
    return outcome


_drawn = Recovery.drawn


def _altered(modality: Modality, change: Any) -> Outcome:
    """A stage's vectors changed for three seconds."""
    graph = VirtualGraph().run(4.0)
    begin_ms = graph.now_ms

    def alter(packet: Packet) -> Packet:
        fits = packet.modality == modality and packet.data.size
        return replace(packet, data=change(packet.data)) if fits else packet

    graph.stages.alter = alter
    graph.run(3.0)
    end_ms = graph.now_ms
    graph.stages.alter = None
    graph.run(2.0).close()
    run = Spoilt(graph, begin_ms, end_ms)
    outcome = run.outcome(modality)
    outcome.detected_ms = graph.detected_ms(modality, begin_ms)
    if outcome.detected_ms is None:
        outcome.detected_ms = _dropped_ms(run, modality)
    read = {r.modalities[modality].source for r in graph.results(begin_ms + 3000, end_ms)}
    outcome.check("they are not used", "measured" not in read, read)
    return _finite(run, outcome)


def _dropped_ms(run: Spoilt, modality: Modality) -> float | None:
    """When a window first covered less of a modality than before."""
    for at_ms, result in [
        (t.at_ms, t.event) for t in run.graph.told if isinstance(t.event, MeasurementResult)
    ]:
        if at_ms >= run.begin_ms and result.modalities[modality].coverage < 0.99:
            return at_ms - run.begin_ms
    return None


def _finite(run: Spoilt, outcome: Outcome) -> Outcome:
    """Results are finite by their schema: one that is not would have ended the run."""
    results = run.graph.results(run.begin_ms, run.end_ms)
    numbers = [s.probability for r in results for s in r.fused.emotions or ()]
    found = f"{len(numbers)} probabilities in {len(results)} results"
    outcome.check("every number given is finite", bool(np.isfinite(numbers).all()), found)
    return outcome


def _numbers_are_finite(reading: Prediction) -> bool:
    numbers = [*reading.probabilities, reading.confidence]
    numbers += [v for v in (reading.valence, reading.arousal) if v is not None]
    return bool(np.isfinite(numbers).all())


def _window(measured: set[Modality]) -> FeatureWindow:
    """Six seconds into a session, with made-up tokens; what is not measured is lost."""
    config, source = loaded_recognizer().config, np.random.default_rng(3)
    values = {
        m: source.standard_normal((config.bins, config.dims[m])).astype(np.float32)
        for m in MODALITIES
    }
    mask = {m: np.full(config.bins, m in measured) for m in MODALITIES}
    coverage = {m: float(m in measured) for m in MODALITIES}
    lost: frozenset[Modality] = frozenset() if "face" in measured else frozenset({"face"})
    return FeatureWindow("p1", 3 * NS_PER_S, 6 * NS_PER_S, values, mask, coverage, lost)
