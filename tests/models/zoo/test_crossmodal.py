import torch

from tacit.models.zoo.crossmodal import CrossBlock, CrossModalFusion


def test_the_feature_has_a_part_for_each_target() -> None:
    assert CrossModalFusion(2, 8, 4, 0.1).width == 16
    net = CrossModalFusion(3, 8, 4, 0.1).eval()
    fused = net([torch.randn(5, 8, 4) for _ in range(3)])
    assert fused.shape == (5, net.width) == (5, 48)


def test_every_modality_reaches_every_part_and_neighbours_none() -> None:
    torch.manual_seed(0)
    net = CrossModalFusion(2, 8, 4, 0.0).eval()
    a, b = torch.randn(3, 8, 4), torch.randn(3, 8, 4)
    fused, other = net([a, b]), net([a, torch.randn(3, 8, 4)])
    moved = (fused - other).abs().reshape(3, 2, 8).amax(dim=2)
    assert bool((moved > 1e-4).all())
    assert torch.allclose(net([a[1:2], b[1:2]])[0], fused[1], atol=1e-5)


def test_a_block_is_attention_with_residuals() -> None:
    block = CrossBlock(8, 0.0).eval()
    target, source = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    keys = block.norm_source(source)
    x = target + block.attention(block.norm_target(target), keys, keys)[0]
    assert torch.allclose(block(target, source), x + block.feed(block.norm_feed(x)), atol=1e-6)
