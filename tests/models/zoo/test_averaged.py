import numpy as np

from tacit.models.zoo.averaged import Averaged
from tacit.models.zoo.drop import Drop
from tests.fakes.pairs import QUICK, make_pairs


def test_probabilities_are_averaged_over_models_of_two_seeds() -> None:
    first, second = Drop(), Drop()
    both = Averaged(first, second)
    both.fit(make_pairs(), make_pairs(seed=1), QUICK)
    test = make_pairs(seed=2)
    a, b = first.predict(test), second.predict(test)
    assert not np.array_equal(a, b)
    assert np.allclose(both.predict(test), (a + b) / 2)
    assert both.recover(test) is None
    assert len(both.networks()) == 2
