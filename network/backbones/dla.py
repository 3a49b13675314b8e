"""DLA-34: deep layer aggregation backbone (Yu et al., CVPR 2018), as CenterNet uses it.

Module names and their order follow the published checkpoints, because optimiser states are indexed
by the order of the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a residual that the caller gives."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """(B, channels_in, H, W) and a residual of the output's shape -> (B, channels_out, ...)."""
        x = self.bn1(self.conv1(x)).relu_()
        return self.bn2(self.conv2(x)).add_(residual).relu_()


class Root(nn.Module):
    """Aggregation node: 1x1 convolution over the concatenated children, without a residual."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        self.bn = nn.BatchNorm2d(channels_out)

    def forward(self, children: Sequence[Tensor]) -> Tensor:
        """Maps of one size -> their aggregation, (B, channels_out, H, W)."""
        return self.bn(self.conv(torch.cat(list(children), dim=1))).relu_()


class Tree(nn.Module):
    """Hierarchical aggregation: two subtrees (blocks at depth 1) joined by a root."""

    def __init__(
        self,
        depth: int,
        channels_in: int,
        channels_out: int,
        *,
        stride: int = 2,
        level_root: bool = False,
        root_channels: int = 0,
    ) -> None:
        super().__init__()
        # What the innermost root concatenates besides its own two children.
        root_channels = root_channels or 2 * channels_out
        if level_root:
            root_channels += channels_in
        self.depth = depth
        self.level_root = level_root
        if depth == 1:
            self.tree1: nn.Module = BasicBlock(channels_in, channels_out, stride)
            self.tree2: nn.Module = BasicBlock(channels_out, channels_out)
            self.root = Root(root_channels, channels_out)
        else:
            self.tree1 = Tree(depth - 1, channels_in, channels_out, stride=stride)
            self.tree2 = Tree(
                depth - 1,
                channels_out,
                channels_out,
                stride=1,
                root_channels=root_channels + channels_out,
            )
        self.downsample = nn.MaxPool2d(stride, stride) if stride > 1 else nn.Identity()
        self.project: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.project = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, bias=False), nn.BatchNorm2d(channels_out)
            )
            if depth > 1:
                # Exists in published checkpoints and is never used: its residual would feed an
                # inner tree, which makes its own. Frozen, so that no optimiser or process group
                # waits for gradients that never come.
                self.project.requires_grad_(False)

    def forward(self, x: Tensor, children: Sequence[Tensor] = ()) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H/stride, W/stride).

        `children` are maps of earlier subtrees that the innermost root also aggregates.
        """
        bottom = self.downsample(x)
        children = list(children)
        if self.level_root:
            children.append(bottom)
        if self.depth > 1:
            x1 = self.tree1(x)
            return self.tree2(x1, [*children, x1])
        x1 = self.tree1(x, self.project(bottom))
        x2 = self.tree2(x1, x1)
        return self.root([x2, x1, *children])


class DLA(nn.Module):
    """The backbone: of six levels with these `channels` (strides 1 to 32) it gives the last four.

    `stem_stride` 2 halves the map in the very first convolution instead of in level 1, which makes
    a thin network several times cheaper; the published network uses 1.
    """

    def __init__(self, channels: Sequence[int], *, stem_stride: int = 1) -> None:
        super().__init__()
        if len(channels) != 6 or stem_stride not in (1, 2):
            raise ValueError("DLA needs six channel counts and a stem stride of 1 or 2")
        c = list(channels)
        self.channels: tuple[int, ...] = tuple(c[2:])
        self.strides: tuple[int, ...] = (4, 8, 16, 32)
        self.base_layer = _conv_bn_relu(3, c[0], kernel=7, stride=stem_stride)
        self.level0 = _conv_bn_relu(c[0], c[0], kernel=3, stride=1)
        self.level1 = _conv_bn_relu(c[0], c[1], kernel=3, stride=2 // stem_stride)
        self.level2 = Tree(1, c[1], c[2])
        self.level3 = Tree(2, c[2], c[3], level_root=True)
        self.level4 = Tree(2, c[3], c[4], level_root=True)
        self.level5 = Tree(1, c[4], c[5], level_root=True)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W), sides multiples of 32 -> maps of strides 4, 8, 16, 32, finest first."""
        x = self.level1(self.level0(self.base_layer(images)))
        maps = []
        for level in (self.level2, self.level3, self.level4, self.level5):
            x = level(x)
            maps.append(x)
        return maps


def _conv_bn_relu(channels_in: int, channels_out: int, *, kernel: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )
