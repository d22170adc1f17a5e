from dataclasses import replace

import numpy as np
import pytest

from tacit.models.baseline import Floats, Ints, fit_population
from tacit.models.errors import DatasetError
from tacit.models.study.baseline_data import Kind, People, View, meetings, seen

EMOTIONS = np.repeat([1, 2, 3, 4, 5, 6, 7, 8], [4, 8, 8, 8, 8, 8, 8, 8])


def people(count: int = 4) -> People:
    """Clips of people who differ by a constant, in RAVDESS's numbers."""
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(count), len(EMOTIONS))
    emotions = np.tile(EMOTIONS, count)
    labels = np.maximum(emotions - 2, 0)
    own = rng.normal(0, 5, (count, 3))[owner]
    values = own + rng.normal(0, 1, (len(owner), 3)) + labels[:, None] * np.array([0.5, 0.0, 0.0])
    return People(values, labels, owner, emotions)


def all_clips(kind: Kind, data: People) -> tuple[Floats, Ints]:
    met = meetings(data, np.arange(4), 1, np.random.default_rng(1))
    population = fit_population(data.values, data.people, data.neutral)
    rows = [seen(data, meeting, View(kind), population) for meeting in met]
    return np.stack(rows), np.stack([m.clips for m in met])


def test_calibration_clips_are_neutral_and_not_judged() -> None:
    data = people()
    for meeting in meetings(data, np.arange(4), 3, np.random.default_rng(0)):
        assert (data.emotions[meeting.calibration] == 1).all()
        assert len(set(meeting.calibration)) == 3
        assert not set(meeting.calibration) & set(meeting.clips)
        assert len(meeting.clips) == len(EMOTIONS) - 3
        assert len(set(data.people[meeting.clips])) == 1


def test_blocks_show_one_expression_after_another() -> None:
    data = people()
    for meeting in meetings(data, np.arange(4), 2, np.random.default_rng(0), "blocks"):
        changes = np.count_nonzero(np.diff(data.emotions[meeting.clips]))
        assert changes == len(set(data.emotions[meeting.clips])) - 1


@pytest.mark.parametrize("kind", ["declared", "running", "declared+running", "none"])
def test_no_causal_kind_looks_ahead(kind: Kind) -> None:
    data = people()
    before, clips = all_clips(kind, data)
    values = data.values.copy()
    values[clips[:, 30:]] += 100.0
    met = meetings(data, np.arange(4), 1, np.random.default_rng(1))
    population = fit_population(data.values, data.people, data.neutral)
    changed = replace(data, values=values)
    after = np.stack([seen(changed, m, View(kind), population) for m in met])
    np.testing.assert_array_equal(before[:, :30], after[:, :30])
    assert not np.allclose(before[:, 30:], after[:, 30:])


def test_labels_play_no_part_in_how_clips_are_seen() -> None:
    data = people()
    population = fit_population(data.values, data.people, data.neutral)
    met = meetings(data, np.arange(4), 1, np.random.default_rng(1))
    other = replace(data, labels=data.labels[::-1].copy(), emotions=data.emotions[::-1].copy())
    for meeting in met:
        for kind in ("declared+running", "transductive"):
            np.testing.assert_array_equal(
                seen(data, meeting, View(kind), population),
                seen(other, meeting, View(kind), population),
            )


def test_a_baseline_makes_people_alike() -> None:
    data = people()

    def spread(kind: Kind) -> float:
        return float(all_clips(kind, data)[0][:, 20:].mean(axis=1).std(axis=0).mean())

    assert spread("transductive") < 0.2
    assert spread("declared+running") < spread("declared") < 0.3 * spread("none")


def test_a_person_who_is_never_neutral_is_refused() -> None:
    data = people()
    with pytest.raises(DatasetError, match="actor 2: 0 neutral clips"):
        meetings(
            replace(data, emotions=np.where(data.people == 2, 3, data.emotions)),
            np.arange(4),
            1,
            np.random.default_rng(0),
        )
