from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models import checkpoint
from tacit.models.baseline import BaselineRule, Population
from tacit.models.baseline_store import StoredBaseline, as_arrays, as_config
from tacit.models.errors import CheckpointError
from tacit.models.features import FeatureWindow, Modality
from tacit.models.manifest import Manifest
from tacit.pipeline.baseline import BaselineSettings, ModalityProfile, Profile
from tacit.pipeline.config import Settings
from tacit.pipeline.events import Event, to_json_line
from tacit.pipeline.intake import Intake, Jobs
from tacit.stream.packet import NS_PER_MS, Packet
from tests.fakes.small_session import IDENTITY, SETUP, answered, feature, packets, run

Input = Callable[[Intake], Jobs]
Step = tuple[str, int]


class Notebook:
    """A tap that keeps every input as something that can be done again."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []

    def accepted(self, packet: Packet) -> None:
        self.inputs.append(lambda intake: intake.accept(packet))

    def advanced(self, now_ns: int) -> None:
        self.inputs.append(lambda intake: intake.advance(now_ns))

    def failed(self, modality: Modality, reason: str) -> None:
        self.inputs.append(lambda intake: intake.failed(modality, reason))

    def noted(self, code: str, message: str) -> None:
        def note(intake: Intake) -> Jobs:
            intake.note(code, message)
            return []

        self.inputs.append(note)

    def finished(self) -> None:
        self.inputs.append(lambda intake: intake.finish())


def test_the_inputs_alone_give_the_same_events_again() -> None:
    book = Notebook()
    events = run(packets(4.0), book)
    assert again(book) + events[-4:] == events


def again(book: Notebook) -> list[Event]:
    intake = Intake(SETUP, IDENTITY)
    events = [intake.ready, *intake.journal.flush()]
    for each in book.inputs:
        events += answered(intake, each(intake))
    return events


def test_time_is_told_only_where_it_matters() -> None:
    book = Notebook()
    intake = Intake(SETUP, IDENTITY, book)
    for seq in range(20):
        intake.advance(seq * 40 * NS_PER_MS + 10)
        intake.accept(feature("audio", seq * 40 * NS_PER_MS, seq))
    assert len(book.inputs) == 20
    intake.advance(5_000 * NS_PER_MS)
    assert len(book.inputs) > 20  # it brought windows and alarms


STEPS = st.lists(
    st.tuples(st.sampled_from(["audio", "face", "advance", "fail", "note"]), st.integers(0, 300)),
    max_size=80,
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_whatever_comes_in_comes_out_again(steps: list[Step]) -> None:
    book = Notebook()
    intake = Intake(SETUP, IDENTITY, book)
    events = [intake.ready, *intake.journal.flush()]
    t_ns = 0
    for seq, (what, ms) in enumerate(steps):
        jobs: Jobs = []
        if what == "audio":
            jobs = intake.accept(feature("audio", t_ns, seq))
        elif what == "face":
            jobs = intake.accept(feature("face", t_ns, seq, ms * NS_PER_MS))
        elif what == "fail":
            jobs = intake.failed("face", "worker_died")
        elif what == "note":
            intake.note("worker_died", "signal 9")
        else:
            jobs = intake.advance(t_ns + ms * NS_PER_MS)
        t_ns += ms * NS_PER_MS // 2
        events += answered(intake, jobs)
    events += answered(intake, intake.finish())
    assert [to_json_line(e) for e in again(book)] == [to_json_line(e) for e in events]


def test_an_input_that_does_not_fit_reaches_no_window() -> None:
    wrong = feature("audio", 0, 0)
    object.__setattr__(wrong, "data", np.zeros(5, dtype=np.float32))
    intake = Intake(SETUP, IDENTITY)
    assert intake.accept(wrong) == []
    assert intake.counts()["audio"].offered == 0


def small_weights(folder: Path) -> str:
    """A weights folder that knows how people differ in the two numbers of the small audio."""
    encoder = checkpoint.save(
        folder / "audio", {"x": torch.ones(1)}, Manifest("audio", {}, [], "", "", 0, {})
    )
    one = np.ones(2)
    people = Population(0 * one, one, one, 0 * one, one, one)
    stored = StoredBaseline({"audio": people}, {"audio": encoder.sha256}, BaselineRule(), 3.7)
    arrays = {name: torch.from_numpy(row) for name, row in as_arrays(stored).items()}
    config = Manifest("baseline", as_config(stored), [], "", "", 0, {})
    checkpoint.save(folder / "baseline", arrays, config)
    return encoder.sha256


def baseline_tokens(folder: Path, baseline: BaselineSettings) -> list[FeatureWindow]:
    """The windows of four seconds as the recognizer is given them."""
    setup = replace(SETUP, settings=Settings(weights=folder, baseline=baseline))
    intake, jobs = Intake(setup, IDENTITY), []
    for packet in packets(4.0):
        jobs += intake.accept(packet)
    jobs += intake.finish()
    return [job.closed.window for _, job in jobs]


def test_windows_are_seen_against_a_declared_baseline(tmp_path: Path) -> None:
    sha256 = small_weights(tmp_path)
    part = ModalityProfile(encoder=sha256, seconds=37.0, mean=(2.0, -2.0))
    known = Profile(modalities={"audio": part})
    plain = baseline_tokens(tmp_path, BaselineSettings())
    moved = baseline_tokens(tmp_path, BaselineSettings(mode="declared", profile=known))
    assert len(plain) == len(moved) > 5
    for before, after in zip(plain, moved, strict=True):
        mask = before.mask["audio"]
        step = (before.values["audio"] - after.values["audio"])[mask]
        # Ten observations of variance 1 and an offset of variance 1 keep 1 / (1 + 1.1) of it.
        np.testing.assert_allclose(step, np.tile([2 / 2.1, -2 / 2.1], (len(step), 1)), rtol=1e-3)
        np.testing.assert_array_equal(before.values["face"], after.values["face"])


def test_a_baseline_wants_weights_that_know_people(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        baseline_tokens(tmp_path, BaselineSettings(mode="running"))
