import numpy as np
import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.zoo.imagination import masks_of
from tacit.models.zoo.mmin import Mmin, MminNet, SpecificNet, fit_specific
from tests.fakes.pairs import QUICK, make_pairs
from tests.fakes.parents import check_parent


def test_it_reads_what_is_left() -> None:
    check_parent(Mmin())


def test_the_teacher_knows_complete_samples() -> None:
    net = fit_specific(make_pairs(), make_pairs(seed=1), QUICK)
    test = make_pairs(seed=2)
    with torch.no_grad():
        hit = net(net.standard.of(test), masks_of(test)).argmax(dim=1).numpy() == test.labels
    assert hit.mean() > 0.85


def test_a_missing_modality_has_a_feature_of_zero() -> None:
    net = SpecificNet({"audio": 5, "face": 4}, 1, QUICK).eval()
    batch = make_pairs(4).only({"audio"})
    encoded = net.encode(net.standard.of(batch), masks_of(batch))
    assert encoded[:, 1].abs().sum().item() == 0.0
    assert encoded[:, 0].abs().sum().item() > 0.0


def test_encoders_start_as_the_teachers_and_the_teacher_stays() -> None:
    teacher = fit_specific(make_pairs(), make_pairs(seed=1), QUICK)
    net = MminNet(teacher, QUICK)
    own, theirs = net.encoder.state_dict(), teacher.state_dict()
    assert all(torch.equal(own[key], theirs[key]) for key in theirs)
    assert all(p.requires_grad for p in net.encoder.parameters())


def test_one_modality_is_refused() -> None:
    pairs = make_pairs()
    single = type(pairs)(
        {"audio": pairs.values["audio"]}, {"audio": pairs.mask["audio"]}, pairs.labels, pairs.groups
    )
    with pytest.raises(ModelError, match="MMIN recovers one modality from others"):
        Mmin().fit(single, single, QUICK)
    with pytest.raises(ModelError, match="Mmin is not fitted"):
        Mmin().predict(pairs)


def test_two_fits_are_the_same_whatever_ran_between() -> None:
    answers = []
    for noise in (0, 7):
        torch.manual_seed(noise)
        model = Mmin()
        model.fit(make_pairs(), make_pairs(seed=1), QUICK)
        answers.append(model.predict(make_pairs(seed=2).only({"face"})))
    assert np.array_equal(answers[0], answers[1])
