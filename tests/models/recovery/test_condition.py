import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.recovery.condition import Condition, joined, split
from tests.fakes.conditions import BINS, gaps, tokens


def test_measured_and_wanted_exclude_each_other() -> None:
    values = tokens(2)
    all_of = {m: torch.ones(2, BINS, dtype=torch.bool) for m in values}
    with pytest.raises(ModelError, match="audio: a position is both"):
        Condition.of(values, all_of, all_of)


def test_shapes_must_agree() -> None:
    values = tokens(2)
    short = {m: torch.ones(2, BINS - 1, dtype=torch.bool) for m in values}
    with pytest.raises(ModelError, match="disagree"):
        Condition.of(values, short, short)


def test_rows_take_every_part_along() -> None:
    whole = gaps(4)
    some = whole.rows(torch.tensor([2, 0]))
    assert some.batch == 2
    assert torch.equal(some.values["face"][0], whole.values["face"][2])
    assert some.past is not None
    assert whole.past is not None
    assert torch.equal(some.past.age_s["text"], whole.past.age_s["text"][[2, 0]])


def test_the_past_can_be_hidden_for_some() -> None:
    hidden = gaps(3).without_past(torch.tensor([True, False, True]))
    assert hidden.past is not None
    assert hidden.past.mask["audio"].any(dim=1).tolist() == [False, True, False]
    assert gaps(3).without_past().past is None
    assert gaps(3, past=False).without_past(torch.tensor([True, False, True])).past is None


def test_present_is_measured_or_wanted() -> None:
    condition = gaps(1)
    assert all(bool(mask.all()) for mask in condition.present().values())


def test_join_and_split_undo_each_other() -> None:
    values = tokens(2)
    names = gaps(2).names
    squares = {m: v[:, :, :4] for m, v in values.items()}
    back = split(joined(squares, names), names, BINS)
    assert all(torch.equal(back[m], squares[m]) for m in names)


def test_moving_to_a_device_keeps_everything() -> None:
    condition = gaps(1)
    moved = condition.to("cpu")
    assert moved.device == condition.device
    assert torch.equal(moved.values["audio"], condition.values["audio"])
