import pytest
import torch

from tacit.models.zoo.backbone import Tokens
from tacit.models.zoo.rohydr_net import (
    LENGTH,
    LONGEST,
    WIDTH,
    Classifier,
    Conditioner,
    Discriminator,
    Projection,
    Reconstructor,
    RohydrNet,
)
from tests.fakes.pairs import QUICK


def test_utterances_and_sequences_become_tokens() -> None:
    assert Projection(5, 1, QUICK).eval()(torch.randn(3, 1, 5)).shape == (3, WIDTH, LENGTH)
    assert Projection(5, 50, QUICK).eval()(torch.randn(3, 50, 5)).shape == (3, WIDTH, LONGEST)
    assert Projection(5, 6, QUICK).eval()(torch.randn(3, 6, 5)).shape == (3, WIDTH, 6)


def test_settled_tokens_have_unit_spread() -> None:
    net = Projection(5, 1, QUICK).eval()
    x = 3.0 * torch.randn(500, 1, 5)
    net.settle(net(x))
    tokens = net(x)
    assert torch.allclose(tokens.mean(dim=(0, 2)), torch.zeros(WIDTH), atol=1e-4)
    assert torch.allclose(tokens.std(dim=(0, 2)), torch.ones(WIDTH), atol=1e-2)


def test_a_condition_is_what_is_available() -> None:
    net = Conditioner(2)
    first, second = torch.randn(4, WIDTH, LENGTH), torch.randn(4, WIDTH, LENGTH)
    there = torch.tensor([[True, False], [False, True], [True, True], [True, True]])
    made = net([first, second], there)
    assert torch.equal(made[0], first[0])
    assert torch.equal(made[1], second[1])
    assert net.mix is not None
    assert torch.allclose(made[2:], net.mix(torch.cat([first, second], dim=1))[2:], atol=1e-6)
    assert Conditioner(1)([first], there[:, :1]) is first


def test_missing_modalities_are_listed_with_their_rows() -> None:
    net = RohydrNet({"audio": 5, "face": 4}, 1, QUICK, "dit").eval()
    tokens: Tokens = {"audio": torch.randn(3, WIDTH, LENGTH), "face": torch.randn(3, WIDTH, LENGTH)}
    there = torch.tensor([[True, True], [True, False], [False, True]])
    audio, face = net.wanted(tokens, there)
    assert (audio.name, audio.rows.tolist()) == ("audio", [2])
    assert (face.name, face.rows.tolist()) == ("face", [1])
    assert torch.equal(face.condition, tokens["audio"][1:2])


def test_a_rebuilt_feature_is_not_bounded() -> None:
    net = Reconstructor(32).eval()
    assert net(50.0 * torch.randn(200, 32)).abs().max().item() > 1.0


@pytest.mark.parametrize("net", [Reconstructor(32), Discriminator(32), Classifier(32, QUICK)])
def test_training_couples_no_samples_either(net: torch.nn.Module) -> None:
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    net.train()
    x = torch.randn(6, 32)
    assert torch.allclose(net(x)[2:3], net(x[2:3]), atol=1e-5)
