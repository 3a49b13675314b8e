"""The snake: circular convolutions over the vertices of a contour (Deep Snake, sec. 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.layers.precision import full_precision


class CircularConv(nn.Module):
    """1D convolution over a closed sequence: padding wraps around."""

    def __init__(self, channels_in: int, channels_out: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.reach = 4 * dilation
        self.fc = nn.Conv1d(channels_in, channels_out, 9, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, N) -> (n, channels_out, N)."""
        around = x
        if x.shape[-1] < self.reach:  # a short contour is walked more than once
            around = x.repeat(1, 1, -(-self.reach // x.shape[-1]))
        left, right = around[..., -self.reach :], around[..., : self.reach]
        return self.fc(torch.cat([left, x, right], dim=-1))


class SnakeBlock(nn.Module):
    """Circular convolution, ReLU, batch normalisation, in this order."""

    def __init__(self, channels_in: int, channels_out: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.conv = CircularConv(channels_in, channels_out, dilation=dilation)
        self.norm = nn.BatchNorm1d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, N) -> (n, channels_out, N)."""
        return self.norm(self.conv(x).relu_())


class Snake(nn.Module):
    """Vertex features -> vertex offsets."""

    def __init__(
        self,
        channels_in: int,
        *,
        channels: int = 128,
        fusion_channels: int = 256,
        dilations: Sequence[int],
    ) -> None:
        super().__init__()
        self.depth = len(dilations)
        self.head = SnakeBlock(channels_in, channels)
        for k, dilation in enumerate(dilations):
            self.add_module(f"res{k}", SnakeBlock(channels, channels, dilation=dilation))
        states = channels * (self.depth + 1)
        self.fusion = nn.Conv1d(states, fusion_channels, 1)
        self.prediction = nn.Sequential(
            nn.Conv1d(fusion_channels + states, fusion_channels, 1),
            nn.ReLU(),
            nn.Conv1d(fusion_channels, fusion_channels // 4, 1),
            nn.ReLU(),
            nn.Conv1d(fusion_channels // 4, 2, 1),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv1d):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, N) -> (n, 2, N) offsets, x then y."""
        with full_precision(x.device):
            # Coordinates are among the inputs, and bfloat16 has no odd pixels beyond 256.
            states = [self.head(x)]
        for k in range(self.depth):
            states.append(self.get_submodule(f"res{k}")(states[-1]) + states[-1])
        # Rows of channels: one matrix product for all contours instead of one per contour.
        rows = torch.cat([state.transpose(1, 2) for state in states], dim=2)
        return self.offsets(rows).transpose(1, 2)

    def offsets(self, states: Tensor) -> Tensor:
        """The states of all blocks side by side, (n, N, channels) -> (n, N, 2) offsets, x then y.

        The layers here see one vertex at a time, so they are matrix products. Training gains as
        well, so this is no pass of `network.inference`.
        """
        first, second, last = (one for one in self.prediction if isinstance(one, nn.Conv1d))
        assert self.fusion.bias is not None and first.bias is not None
        # The global state is the same at every vertex, so its share of the first prediction layer
        # is computed once per contour. Both layers read the states in one matrix product.
        width = self.fusion.out_channels
        weight = torch.cat([self.fusion.weight, first.weight[:, width:]])[..., 0]
        bias = torch.cat([self.fusion.bias, first.bias])
        fused, x = F.linear(states, weight, bias).split([width, first.out_channels], dim=2)
        x = x + F.linear(fused.amax(dim=1, keepdim=True), first.weight[:, :width, 0])
        x = F.linear(x.relu(), second.weight[..., 0], second.bias)
        return F.linear(x.relu(), last.weight[..., 0], last.bias)
