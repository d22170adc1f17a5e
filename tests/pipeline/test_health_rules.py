import re
from collections.abc import Iterable

import pytest

from tacit.pipeline.health_rules import FINDINGS, TRANSITIONS, Phase, Signal, transition_table
from tacit.pipeline.quality import Quality, QualityFlag
from tests.fakes.played_stream import CLIPPED, DARK, GOOD, NO_FACE, Play, S, frozen, silent

# What each signal must lead to, written from the rules of the reliability notes and not from the
# code: rows are phases, columns signals, "-" is no change.
EXPECTED = """
           good       steady blemish   fault  silence stale  expired failed disable
starting   ok         -      blemished faulty muted   -      lost    lost   disabled
ok         -          -      blemished faulty muted   faulty lost    lost   disabled
blemished  -          ok     -         faulty muted   faulty lost    lost   disabled
faulty     recovering ok     blemished -      muted   -      lost    lost   disabled
recovering -          ok     blemished -      muted   -      lost    lost   disabled
muted      recovering ok     blemished faulty -       -      lost    lost   disabled
lost       recovering ok     blemished -      muted   -      -       -      disabled
disabled   -          -      -         -      -       -      -       -      -
"""


def expected_cells() -> Iterable[tuple[str, str, str]]:
    header, *rows = EXPECTED.strip().splitlines()
    for row in rows:
        phase, *cells = row.split()
        for signal, cell in zip(header.split(), cells, strict=True):
            yield phase, signal, cell


@pytest.mark.parametrize(("phase", "signal", "cell"), list(expected_cells()))
def test_table_says_what_the_rules_demand(phase: str, signal: str, cell: str) -> None:
    leads_to = TRANSITIONS[Phase(phase)].get(Signal(signal))
    assert (str(leads_to) if leads_to else "-") == cell


def test_printed_table_holds_every_phase_and_signal() -> None:
    lines = transition_table().splitlines()
    assert len(lines) == 2 + len(Phase)
    assert all(len(re.findall(r"\|", line)) == len(Signal) + 4 for line in lines)


def reach(phase: Phase) -> Play:
    """A stream that has really come into a phase, at 30 frames per second."""
    play = Play()
    match phase:
        case Phase.STARTING:
            return play
        case Phase.OK:
            return play.send(GOOD, 1)
        case Phase.BLEMISHED:
            return play.send(DARK, 1)
        case Phase.FAULTY:
            return play.send(GOOD, 1).send(NO_FACE, 1.6)
        case Phase.LOST:
            return play.send(GOOD, 1).send(NO_FACE, 3)
        case Phase.RECOVERING:
            return play.send(GOOD, 1).send(NO_FACE, 3).send(GOOD, 3.05)
        case Phase.MUTED:
            return play.send(GOOD, 1).send(silent(S), 2)
        case Phase.DISABLED:
            play.changes += play.monitor.disable("face", 0, "no_model")
            return play


def give(play: Play, signal: Signal) -> None:
    """Let that happen to the stream, and nothing else."""
    start = play.now_ns / S
    match signal:
        case Signal.GOOD:
            play.send(GOOD, start + 0.03)
        case Signal.STEADY:
            play.send(GOOD, start + 2)
        case Signal.BLEMISH:
            play.send(CLIPPED, start + 0.03)
        case Signal.FAULT:
            play.send(frozen(play.now_ns), start + 0.03)
        case Signal.SILENCE:
            play.send(silent(play.now_ns), start + 0.03)
        case Signal.STALE:
            play.pause(start + 0.4)
        case Signal.EXPIRED:
            play.pause(start + 4)
        case Signal.FAILED:
            play.changes += play.monitor.source_failed("face", play.now_ns, "worker_died")
        case Signal.DISABLE:
            play.changes += play.monitor.disable("face", play.now_ns, "off")


SHOWN = {"blemished": "degraded", "faulty": "degraded"}
THROUGH = {("starting", "steady"): "ok", ("ok", "expired"): "lost"}


@pytest.mark.parametrize(
    ("phase", "signal", "cell"),
    [
        c
        for c in expected_cells()
        # A faulty stream is 0.6 s into its fault: 0.4 s more is already the loss.
        if c[:2] not in {("faulty", "stale"), ("disabled", "expired")}
    ],
)
def test_every_row_is_reached_by_a_real_stream(phase: str, signal: str, cell: str) -> None:
    play = reach(Phase(phase))
    before = play.monitor.state("face").state
    assert before == SHOWN.get(phase, phase)
    give(play, Signal(signal))
    expected = THROUGH.get((phase, signal), phase if cell == "-" else cell)
    assert play.monitor.state("face").state == SHOWN.get(expected, expected)


def test_every_masking_flag_is_no_good_content() -> None:
    assert {f for f in FINDINGS if Quality(frozenset({f})).masked} == {
        QualityFlag.NONFINITE,
        QualityFlag.SILENT,
        QualityFlag.STUCK,
        QualityFlag.BLACK,
        QualityFlag.FROZEN,
        QualityFlag.NO_FACE,
        QualityFlag.CLIPPED,
    }
