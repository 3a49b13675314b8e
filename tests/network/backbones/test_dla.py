"""The backbone: sizes and strides of its maps, and what is frozen in it."""

from __future__ import annotations

import pytest
import torch

from network.backbones.dla import DLA, BasicBlock, Tree

CHANNELS = (4, 6, 8, 12, 16, 20)


@pytest.mark.parametrize("stem_stride", [1, 2])
@torch.no_grad()
def test_maps_of_strides_4_to_32(stem_stride: int) -> None:
    backbone = DLA(CHANNELS, stem_stride=stem_stride).eval()
    maps = backbone(torch.zeros(2, 3, 64, 96))
    expected = [(2, 8, 16, 24), (2, 12, 8, 12), (2, 16, 4, 6), (2, 20, 2, 3)]
    assert [tuple(m.shape) for m in maps] == expected
    sizes = zip(backbone.channels, backbone.strides, strict=True)
    assert [(2, channels, 64 // s, 96 // s) for channels, s in sizes] == expected


def test_only_the_projections_that_nothing_uses_are_frozen() -> None:
    backbone = DLA(CHANNELS)
    frozen = {name for name, p in backbone.named_parameters() if not p.requires_grad}
    assert {name.rsplit(".", 2)[0] for name in frozen} == {"level3.project", "level4.project"}
    sum(m.sum() for m in backbone(torch.randn(2, 3, 64, 64))).backward()
    for name, parameter in backbone.named_parameters():
        assert (parameter.grad is None) == (name in frozen), name


@torch.no_grad()
def test_a_block_adds_the_residual_it_is_given() -> None:
    block = BasicBlock(3, 3).eval()
    block.conv2.weight.zero_()  # the convolutions' branch is 0 in evaluation mode
    residual = torch.randn(1, 3, 5, 5)
    assert torch.equal(block(torch.randn(1, 3, 5, 5), residual), residual.relu())


@torch.no_grad()
def test_a_tree_without_change_of_channels_takes_its_pooled_input_as_residual() -> None:
    tree = Tree(1, 4, 4, stride=2).eval()
    tree.tree1.conv2.weight.zero_()
    x = torch.rand(1, 4, 6, 6)
    x1 = torch.nn.functional.max_pool2d(x, 2)
    expected = tree.root([tree.tree2(x1, x1), x1])
    assert torch.allclose(tree(x), expected)


@pytest.mark.parametrize(("channels", "stem_stride"), [((4, 4), 1), (CHANNELS, 4)])
def test_impossible_sizes_are_refused(channels: tuple[int, ...], stem_stride: int) -> None:
    with pytest.raises(ValueError, match="six channel counts"):
        DLA(channels, stem_stride=stem_stride)
