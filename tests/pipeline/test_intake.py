from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models.features import Modality
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


def test_an_input_that_does_not_fit_is_refused() -> None:
    wrong = feature("audio", 0, 0)
    object.__setattr__(wrong, "data", np.zeros(5, dtype=np.float32))
    with pytest.raises(ValueError, match="shape"):
        Intake(SETUP, IDENTITY).accept(wrong)
