import numpy as np

from tacit.models.study.streams_tokens import Ints
from tacit.models.study.streams_windows import (
    BINS,
    PAST,
    SPAN,
    Stream,
    cut,
    gap_mask,
    make_stream,
    populations,
)
from tests.fakes.takes import made_up_takes

PEOPLE = np.array([1, 2, 8])


def stream(people: Ints = PEOPLE, seed: int = 0) -> Stream:
    takes = made_up_takes()
    known = populations(takes, np.array([3, 4, 9, 10]))
    return make_stream(takes, people, known, np.random.default_rng(seed))


def test_a_stream_is_each_persons_takes_one_after_another() -> None:
    takes, made = made_up_takes(), stream()
    assert sorted(made.takes) == sorted(np.flatnonzero(np.isin(takes.people, PEOPLE)))
    lengths = np.diff(takes.start)[made.takes]
    np.testing.assert_array_equal(made.end - made.begin, lengths)
    np.testing.assert_array_equal(made.begin[1:], made.end[:-1])
    for person in PEOPLE:
        own = made.people == person
        assert (made.first[own] == made.begin[own].min()).all()
    assert made.measured["audio"].all()
    seen = np.repeat(made.people <= 5, lengths)
    np.testing.assert_array_equal(made.measured["face"], seen)
    assert (made.tokens["face"][~seen] == 0.0).all()


def test_tokens_are_seen_against_what_came_before_alone() -> None:
    """The first take of a person is seen against nobody's baseline but the population's."""
    takes, made = made_up_takes(), stream()
    known = populations(takes, np.array([3, 4, 9, 10]))
    own = np.flatnonzero(made.people == 8)
    row = made.takes[own[0]]
    raw = takes.audio[takes.start[row] : takes.start[row + 1]]
    wanted = (raw - known.audio.mean) / (np.sqrt(known.audio.within) + 1e-3)
    here = slice(made.begin[own[0]], made.end[own[0]])
    np.testing.assert_allclose(made.tokens["audio"][here], np.clip(wanted, -5, 5), atol=1e-4)
    later = np.abs(made.tokens["audio"][made.begin[own[-1]] : made.end[own[-1]]]).mean()
    assert later < np.abs(made.tokens["audio"][here]).mean()


def test_windows_end_inside_their_take_and_hold_its_bins() -> None:
    made = stream()
    marks = np.arange(len(made.tokens["audio"]), dtype=np.float32)
    made.tokens["audio"][:] = marks[:, None]
    rows = np.arange(len(made.takes))
    for seed in range(5):
        windows = cut(made, rows, np.random.default_rng(seed))
        assert windows.tokens["audio"].shape[1] == SPAN == PAST + BINS
        last = windows.tokens["audio"][:, -1, 0].astype(int)
        assert (last >= made.begin).all()
        assert (last < made.end).all()
        fits = made.end - made.begin >= BINS
        first = windows.tokens["audio"][:, PAST, 0].astype(int)
        assert (first[fits] >= made.begin[fits]).all()
        # Nothing of another person is in it: bins before the person's stream are not measured.
        place = last[:, None] + np.arange(-SPAN + 1, 1)
        np.testing.assert_array_equal(windows.measured["audio"], place >= made.first[:, None])


def test_gaps_are_runs_of_the_given_length() -> None:
    sizes = np.array([0, 2, 4, 8, 12] * 20)
    gaps = gap_mask(sizes, np.random.default_rng(0))
    np.testing.assert_array_equal(gaps.sum(axis=1), sizes)
    edges = np.diff(np.pad(gaps, ((0, 0), (1, 1))).astype(int), axis=1)
    np.testing.assert_array_equal((edges == 1).sum(axis=1), np.minimum(sizes, 1))
    assert len(set(gaps[sizes == 2].argmax(axis=1))) > 3


def test_the_same_seed_gives_the_same_windows() -> None:
    a, b = (cut(stream(), np.arange(9), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(a.tokens["audio"], b.tokens["audio"])
    other = cut(stream(seed=1), np.arange(9), np.random.default_rng(3))
    assert not np.array_equal(a.tokens["audio"], other.tokens["audio"])
