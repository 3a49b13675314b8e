"""Convolutions with a quarter of the multiplications, for prediction on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lib.ops import snake_block_weight, winograd_conv2d, winograd_snake_block, winograd_weight
from lib.ops.library import LIBRARY_PATH
from lib.ops.winograd.minimal_filtering import LANES
from network.backbones.dla import BasicBlock
from network.contour.snake import Snake, SnakeBlock

FEWEST_PRODUCTS = 32 * 27
"""Input times output channels: below it, memory limits the speed and not multiplications."""


def use_winograd(network: nn.Module, *, convolutions: bool = True) -> None:
    """Replace, in place, what the operators compute faster: snakes and, if wanted, convolutions.

    They can then only evaluate in float32 on a CPU; a snake's layers other than its blocks may
    still be lowered. Without the compiled operators nothing changes: their plain versions are
    slower.
    """
    if not LIBRARY_PATH.exists():
        return
    for name, child in network.named_children():
        if type(child) is Snake and child.head.norm.num_features % LANES == 0:
            setattr(network, name, WinogradSnake(child))
        elif convolutions and type(child) is BasicBlock and _can_join(child):
            setattr(network, name, WinogradBlock(child))
        elif convolutions and type(child) is nn.Conv2d and pays(child):
            setattr(network, name, WinogradConv2d(child, relu=_takes_relu(network, child)))
        else:
            use_winograd(child, convolutions=convolutions)


def _can_join(block: BasicBlock) -> bool:
    """Whether nothing stands between the block's last convolution and its sum."""
    return pays(block.conv2) and isinstance(block.bn2, nn.Identity)


def _takes_relu(parent: nn.Module, conv: nn.Conv2d) -> bool:
    """Whether a ReLU follows in a sequence. If so, it is removed: the convolution applies it."""
    if not isinstance(parent, nn.Sequential):
        return False
    place = list(parent).index(conv) + 1
    if place == len(parent) or not isinstance(parent[place], nn.ReLU):
        return False
    parent[place] = nn.Identity()
    return True


def pays(conv: nn.Conv2d) -> bool:
    """Whether the operator supports this convolution and is faster than `conv2d` (measured)."""
    plain = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups)
    return (
        plain == ((3, 3), (1, 1), (1, 1), (1, 1), 1)
        and conv.in_channels % LANES == 0
        and conv.in_channels * conv.out_channels >= FEWEST_PRODUCTS
    )


class WinogradConv2d(nn.Conv2d):
    """A 3x3 convolution of stride 1 and padding 1 that keeps its weight in both forms."""

    factors: Tensor

    def __init__(self, conv: nn.Conv2d, *, relu: bool = False) -> None:
        """With the weights of `conv`; `relu` applies a ReLU to its output."""
        super().__init__(conv.in_channels, conv.out_channels, 3, padding=1, bias=False)
        self.relu = relu
        self.weight, self.bias = conv.weight, conv.bias
        self.register_buffer("factors", winograd_weight(conv.weight), persistent=False)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """(B, channels_in, H, W) float32 -> (B, channels_out, H, W), channels last."""
        return winograd_conv2d(
            x,
            self.factors,
            self.bias,
            out_channels=self.out_channels,
            residual=residual,
            relu=self.relu,
        )


class WinogradBlock(BasicBlock):
    """A residual block whose convolutions also add the residual and apply the ReLUs."""

    def __init__(self, block: BasicBlock) -> None:
        nn.Module.__init__(self)
        self.conv1, self.bn1 = block.conv1, block.bn1
        self.conv2, self.bn2 = block.conv2, block.bn2
        if pays(block.conv1) and isinstance(block.bn1, nn.Identity):
            self.conv1 = WinogradConv2d(block.conv1, relu=True)
        self.conv2 = WinogradConv2d(block.conv2, relu=True)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """(B, channels_in, H, W) and a residual of the output's shape -> (B, channels_out, ...)."""
        x = self.conv1(x)
        if not isinstance(self.conv1, WinogradConv2d):
            x = self.bn1(x).relu_()
        return self.conv2(x, residual)


class WinogradSnakeBlock(nn.Module):
    """A snake's block whose normalisation is part of the operator: bias, factor, summand."""

    factors: Tensor
    line: Tensor

    def __init__(self, block: SnakeBlock) -> None:
        super().__init__()
        conv, norm = block.conv.fc, block.norm
        assert norm.running_mean is not None and norm.running_var is not None
        assert conv.bias is not None
        factor = norm.weight.double() * (norm.running_var.double() + norm.eps).rsqrt()
        summand = norm.bias.double() - norm.running_mean.double() * factor
        line = torch.stack([conv.bias.double(), factor, summand]).detach()
        self.dilation = conv.dilation[0]
        self.register_buffer("factors", snake_block_weight(conv.weight), persistent=False)
        self.register_buffer("line", line.to(conv.weight), persistent=False)

    def forward(self, x: Tensor, output: Tensor, *, residual: bool) -> None:
        """(n, N, channels_in), one row per vertex -> `output`, (n, N, channels_out)."""
        winograd_snake_block(
            x, self.factors, self.line, output, dilation=self.dilation, residual=residual
        )


class WinogradSnake(Snake):
    """A snake that computes with rows of channels, one row per vertex.

    It writes all states side by side, as the next layers read them.
    """

    def __init__(self, snake: Snake) -> None:
        nn.Module.__init__(self)
        for name, child in snake.named_children():
            self.add_module(name, child)
        blocks = (child for child in snake.children() if isinstance(child, SnakeBlock))
        self.fast = nn.ModuleList(WinogradSnakeBlock(block) for block in blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, N) -> (n, 2, N) offsets, x then y."""
        count, channels_in, vertices = x.shape
        rows = x.new_zeros(count, vertices, channels_in + -channels_in % LANES)
        rows[:, :, :channels_in] = x.transpose(1, 2)
        channels = self.head.norm.num_features
        states = rows.new_empty(count, vertices, len(self.fast), channels)
        for k, block in enumerate(self.fast):
            block(rows, states[:, :, k], residual=k > 0)
            rows = states[:, :, k]
        return self.offsets(states.flatten(2)).transpose(1, 2)
