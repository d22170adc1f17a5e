import numpy as np
import pytest
import torch

from tacit.models.errors import ModelError
from tacit.models.zoo.samples import Samples
from tacit.models.zoo.standard import (
    CHUNK,
    Standardisers,
    at_least_two,
    chunks,
    content_seeds,
    joined_by_modality,
    noise_of,
    presence,
)
from tests.fakes.pairs import make_pairs


def test_measured_features_have_unit_spread_and_others_are_zero() -> None:
    pairs = make_pairs(200)
    net = Standardisers(pairs.dims)
    net.fit(pairs)
    z = net.of(pairs.only({"face"}))
    assert float(z["audio"].abs().max()) == 0.0
    assert torch.allclose(z["face"].mean(dim=(0, 1)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(z["face"].std(dim=(0, 1)), torch.ones(4), atol=1e-2)


def test_presence_counts_any_measured_frame() -> None:
    pairs = make_pairs(3)
    values = {name: np.repeat(v, 2, axis=1) for name, v in pairs.values.items()}
    mask = {name: np.zeros((3, 2), dtype=np.bool_) for name in pairs.names}
    mask["audio"][0, 1] = True
    batch = Samples(values, mask, pairs.labels, pairs.groups)
    assert presence(batch).tolist() == [[True, False], [False, False], [False, False]]


def test_noise_follows_the_content_and_not_the_place() -> None:
    batch = make_pairs(8)
    noise = noise_of(batch, (2, 3), seed=4)
    alone = noise_of(batch.rows(np.array([5])), (2, 3), seed=4)
    assert torch.equal(noise[5], alone[0])
    assert not torch.equal(noise[5], noise[6])
    assert not torch.equal(noise, noise_of(batch, (2, 3), seed=5))
    assert abs(float(noise_of(make_pairs(90), (100,), 0).mean())) < 0.05
    assert noise_of(batch.rows(np.array([], dtype=np.int64)), (2, 3), 0).shape == (0, 2, 3)


def test_hidden_values_do_not_enter_a_seed() -> None:
    batch = make_pairs(4).only({"audio"})
    other = dict(batch.values)
    other["face"] = other["face"] + 1.0
    assert content_seeds(batch) == content_seeds(
        Samples(other, batch.mask, batch.labels, batch.groups)
    )
    assert content_seeds(batch) != content_seeds(make_pairs(4))


def test_chunks_cover_everything_once() -> None:
    batch = make_pairs(CHUNK + 3)
    assert [len(part) for part in chunks(batch)] == [CHUNK, 3]
    parts = [{"audio": np.ones((2, 1, 1, 1), dtype=np.float32)}] * 2
    assert joined_by_modality(parts)["audio"].shape == (4, 1, 1, 1)  # type: ignore[arg-type]


def test_a_single_modality_is_refused_by_name() -> None:
    pairs = make_pairs(3)
    single = Samples(
        {"face": pairs.values["face"]}, {"face": pairs.mask["face"]}, pairs.labels, pairs.groups
    )
    with pytest.raises(ModelError, match=r"NMER recovers .* only face; choose drop"):
        at_least_two(single, "NMER")
    at_least_two(pairs, "NMER")
