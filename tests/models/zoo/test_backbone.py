import numpy as np
import torch

from tacit.models.zoo.backbone import Backbone, encode, read, tensors_of
from tests.fakes.pairs import QUICK, make_pairs


def backbone() -> Backbone:
    torch.manual_seed(0)
    net = Backbone({"audio": 5, "face": 4}, 1, QUICK)
    net.standardise(make_pairs())
    # The head starts at zero; give it something to say.
    torch.nn.init.normal_(net.fusion.head.weight)
    return net


def test_features_are_standardised_by_what_was_measured() -> None:
    net = backbone()
    values = make_pairs().values["audio"][:, 0]
    buffers = dict(net.named_buffers())
    assert np.allclose(buffers["encoders.audio.mean"].numpy(), values.mean(axis=0), atol=1e-5)


def test_what_is_masked_has_no_say_not_even_nan() -> None:
    net, pairs = backbone(), make_pairs()
    alone = pairs.only({"audio"})
    expected = read(net, alone)
    alone.values["face"][:] = np.nan
    assert np.array_equal(read(net, alone), expected)
    assert not encode(net, alone)["face"].any()


def test_no_sample_depends_on_its_neighbours() -> None:
    net, pairs = backbone(), make_pairs()
    whole = read(net, pairs)
    for row in (0, 7):
        assert np.allclose(read(net, pairs.rows(np.array([row])))[0], whole[row], atol=1e-5)


def test_noise_and_dropout_are_for_training_only() -> None:
    net, pairs = backbone(), make_pairs()
    assert np.array_equal(read(net, pairs), read(net, pairs))
    net.train()
    values, mask = tensors_of(pairs)
    assert not torch.equal(net(values, mask).logits, net(values, mask).logits)
