import numpy as np
import pytest

from tacit.models.errors import ModelError
from tacit.models.zoo.samples import UNLABELLED, Samples


def three() -> Samples:
    values = np.arange(6, dtype=np.float32).reshape(3, 1, 2)
    mask = np.ones((3, 1), dtype=np.bool_)
    return Samples(
        {"face": values + 10, "audio": values}, {"face": mask, "audio": mask},
        np.array([0, 1, 2]), np.array([7, 7, 8]),
    )  # fmt: skip


def test_modalities_come_in_one_order() -> None:
    assert three().names == ("audio", "face")
    assert three().dims == {"audio": 2, "face": 2}
    assert three().bins == 1


def test_rows_keep_what_belongs_together() -> None:
    part = three().rows(np.array([2, 0]))
    assert part.labels.tolist() == [2, 0]
    assert part.groups.tolist() == [8, 7]
    assert part.values["face"][:, 0, 0].tolist() == [14, 10]


def test_hiding_leaves_the_rest_alone() -> None:
    alone = three().only({"face"})
    assert not alone.mask["audio"].any()
    assert alone.mask["face"].all()
    gone = np.array([True, False, True])
    some = three().masked({"audio": gone, "face": ~gone})
    assert some.mask["audio"][:, 0].tolist() == [True, False, True]
    assert some.mask["face"][:, 0].tolist() == [False, True, False]


def test_hidden_labels_are_gone() -> None:
    part = three().unlabelled_but(np.array([1]))
    assert part.labels.tolist() == [UNLABELLED, 1, UNLABELLED]
    assert part.labelled.tolist() == [1]


def test_joined_parts_follow_each_other() -> None:
    both = Samples.joined([three().only({"audio"}), three()])
    assert len(both) == 6
    assert both.mask["face"][:, 0].tolist() == [False] * 3 + [True] * 3


def test_what_does_not_fit_is_refused() -> None:
    whole = three()
    with pytest.raises(ModelError, match=r"masks of \['audio'\]"):
        Samples(whole.values, {"audio": whole.mask["audio"]}, whole.labels, whole.groups)
    with pytest.raises(ModelError, match="bool"):
        Samples(whole.values, dict.fromkeys(whole.mask, np.ones((3, 2), np.bool_)),
                whole.labels, whole.groups)  # fmt: skip
    with pytest.raises(ModelError, match="2 labels"):
        Samples(whole.values, whole.mask, whole.labels[:2], whole.groups)
