from typing import Any

import pytest

from tacit.models.errors import ModelError
from tacit.models.study.streams_summary import gap_name, merged, summarise
from tacit.models.study.streams_windows import GAPS, NAMES

METHODS = {
    "drop": 4,
    "drop+KD": 5,
    "hold last": 3,
    "drop+KD given the past": 6,
    "two drop+KD, averaged": 5,
}
OURS = "recovery, soft gate"


def record(seed: int, people: list[int], ours: int = 8) -> dict[str, Any]:
    """Ten clips of two classes per person; each method has so many of each right."""
    right = METHODS | {OURS: ours}
    found = {
        "people": people,
        "support": [[10, 10]] * len(people),
        "hits": {m: [[n, n]] * len(people) for m, n in right.items()},
        "surprise": {m: [20.0 - n] * len(people) for m, n in right.items()},
    }
    return {
        "seed": seed,
        "fold": people[0],
        "test": {f"{name} {gap}": found for name in NAMES for gap in GAPS},
    }


def test_seeds_and_people_are_put_together() -> None:
    runs = [record(s, people) for s in (0, 1) for people in ([1, 2], [3, 4, 5])]
    whole = merged(runs, "audio 2", "drop")
    assert whole.hits.shape == (2, 5, 2)
    assert whole.surprise[1].tolist() == [16.0] * 5


def test_a_seed_that_lacks_people_is_refused() -> None:
    runs = [record(0, [1, 2]), record(0, [3]), record(1, [1, 2])]
    with pytest.raises(ModelError, match="not all read on the same people"):
        merged(runs, "audio 2", "drop")


def test_differences_are_paired() -> None:
    runs = [record(0, [1, 2], ours=8), record(0, [3, 4], ours=9)]
    lost = summarise(runs)["lost"]["audio"]
    assert lost["people"] == 4
    assert lost["mean"][OURS][0] == pytest.approx(0.85)
    assert lost["mean"]["drop"] == pytest.approx([0.4, 0.4, 0.4])
    against = lost["differences"]["mean"][OURS]
    assert against["drop+KD"] == pytest.approx([0.35, 0.3, 0.4])
    assert against["drop+KD given the past"][1] == pytest.approx(0.2)
    # 20 clips and 16 nats per person.
    assert lost["surprise"]["drop"][0] == pytest.approx(0.8)


def test_gaps_have_names() -> None:
    assert [gap_name(g) for g in GAPS] == ["0.5 s", "1 s", "2 s", "whole"]
