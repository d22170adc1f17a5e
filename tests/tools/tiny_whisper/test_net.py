import torch

from tools.tiny_whisper.net import MELS, Shape, TinyWhisper, sinusoids

SHAPE = Shape(vocabulary=30, width=16, heads=2, layers=1)


def test_a_token_is_told_from_those_before_it_alone() -> None:
    torch.manual_seed(0)
    net = TinyWhisper(SHAPE).eval()
    mels = torch.randn(1, MELS, 40)
    tokens = torch.tensor([[1, 2, 3, 4]])
    other = torch.tensor([[1, 2, 3, 9]])
    with torch.no_grad():
        one, two = net(mels, tokens)[0], net(mels, other)[0]
    torch.testing.assert_close(one[:, :3], two[:, :3])
    assert not torch.allclose(one[:, 3], two[:, 3])


def test_what_is_heard_matters() -> None:
    torch.manual_seed(0)
    net = TinyWhisper(SHAPE).eval()
    tokens = torch.tensor([[1, 2]])
    with torch.no_grad():
        scores = [net(torch.randn(1, MELS, 40), tokens)[0] for _ in range(2)]
    assert not torch.allclose(*scores)


def test_positions_are_sines_then_cosines() -> None:
    places = sinusoids(4, 8)
    torch.testing.assert_close(places[0], torch.tensor([0.0] * 4 + [1.0] * 4))
    torch.testing.assert_close(places[1, 0], torch.sin(torch.tensor(1.0)))


def test_attention_of_the_timing_head_is_told() -> None:
    net = TinyWhisper(SHAPE).eval()
    with torch.no_grad():
        _, logs = net(torch.randn(2, MELS, 40), torch.tensor([[1, 2, 3]] * 2))
    assert logs.shape == (2, 3, 20)
    torch.testing.assert_close(logs.exp().sum(2), torch.ones(2, 3))
