"""The neck: iterative deep aggregation of the backbone's maps with deformable convolutions.

DLA-Up of CenterNet ("Objects as Points", sec. 4); every convolution is a DCNv2 (Zhu et al., CVPR
2019, eq. 1) unless `deformable` is off, as in thin presets.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.ops import deform_conv2d
from network.backbones.backbone import Backbone
from network.layers.precision import full_precision


class ModulatedDeformConv(nn.Module):
    """DCNv2 3x3: offsets and modulation are predicted from the input by a convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        # 18 offsets (dy, dx per tap, taps row by row), then 9 mask logits.
        self.conv_offset_mask = nn.Conv2d(channels_in, 27, 3, padding=1)
        bound = (channels_in * 9) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.conv_offset_mask.weight)
        nn.init.zeros_(self.conv_offset_mask.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H, W)."""
        offset, mask = self.conv_offset_mask(x).split([18, 9], dim=1)
        return deform_conv2d(x, offset, self.weight, self.bias, mask.sigmoid(), padding=1)


class NeckConv(nn.Module):
    """Convolution (deformable or plain), batch normalisation, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, *, deformable: bool) -> None:
        super().__init__()
        self.actf = nn.Sequential(nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))
        self.conv: nn.Module
        if deformable:
            self.conv = ModulatedDeformConv(channels_in, channels_out)
        else:
            self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H, W)."""
        return self.actf(self.conv(x))


class Upsampling(nn.ConvTranspose2d):
    """Depthwise transposed convolution that starts as bilinear interpolation."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__(
            channels, channels, 2 * factor, factor, factor // 2, groups=channels, bias=False
        )
        position = torch.arange(2 * factor, dtype=torch.float32)
        ramp = 1 - (position / factor - (2 * factor - 1) / (2 * factor)).abs()
        with torch.no_grad():
            self.weight.copy_((ramp[:, None] * ramp[None, :]).expand_as(self.weight))

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, channels, H, W) -> (B, channels, factor * H, factor * W), or of the given size."""
        if output_size is not None or x.device.type != "cpu" or x.dtype.itemsize >= 4:
            return super().forward(x, output_size)
        # In bfloat16 a CPU takes 10 times as long as in float32 with both conversions. Training
        # gains as well, so this is no pass of `network.inference`.
        with full_precision(x.device):
            return F.conv_transpose2d(
                x.float(),
                self.weight.float(),
                stride=self.stride,
                padding=self.padding,  # type: ignore[arg-type]
                groups=self.groups,
            ).to(x.dtype)


class IterativeAggregation(nn.Module):
    """IDA: out[0] = maps[0]; out[j] = node_j(up_j(proj_j(maps[j])) + out[j-1])."""

    def __init__(
        self, channels: Sequence[int], factors: Sequence[int], *, deformable: bool
    ) -> None:
        """`channels` and `factors` of the maps, finest first; factor 1 is the finest itself."""
        super().__init__()
        self.count = len(channels)
        for j in range(1, self.count):
            out = channels[0]
            self.add_module(f"proj_{j}", NeckConv(channels[j], out, deformable=deformable))
            self.add_module(f"up_{j}", Upsampling(out, factors[j]))
            self.add_module(f"node_{j}", NeckConv(out, out, deformable=deformable))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps, finest first -> as many maps of the finest size, most aggregated last."""
        out = [maps[0]]
        for j in range(1, self.count):
            proj, up, node = (self.get_submodule(f"{name}_{j}") for name in ("proj", "up", "node"))
            out.append(node(up(proj(maps[j])).add_(out[-1])))
        return out


class Neck(nn.Module):
    """Aggregates four maps (of strides 4, 8, 16, 32) into the shared map of the finest stride."""

    def __init__(self, backbone: Backbone, *, deformable: bool = True) -> None:
        """For the four maps of `backbone`, each half as fine as the one before.

        Raises:
            ValueError: its maps are others.
        """
        super().__init__()
        stride = backbone.strides[0]
        if backbone.strides != (stride, 2 * stride, 4 * stride, 8 * stride):
            raise ValueError(f"the neck takes four maps, each half as fine: {backbone.strides}")
        c4, c8, c16, c32 = backbone.channels
        self.channels = c4
        self.stride = stride
        self.ida_0 = IterativeAggregation([c16, c32], [1, 2], deformable=deformable)
        self.ida_1 = IterativeAggregation([c8, c16, c16], [1, 2, 2], deformable=deformable)
        self.ida_2 = IterativeAggregation([c4, c8, c8, c8], [1, 2, 2, 2], deformable=deformable)
        self.ida_up = IterativeAggregation([c4, c8, c16], [1, 2, 4], deformable=deformable)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps of strides 4, 8, 16, 32 -> (B, channels of stride 4, H/4, W/4)."""
        m4, m8, m16, m32 = maps
        r0 = self.ida_0([m16, m32])
        r1 = self.ida_1([m8, *r0])
        r2 = self.ida_2([m4, *r1])
        return self.ida_up([r2[-1], r1[-1], r0[-1]])[-1]


def shared_map(images: Tensor, backbone: Backbone, neck: Neck) -> Tensor:
    """The map that all heads read, (B, C, h, w), of normalised images (B, 3, H, W).

    Zeros at the bottom and right make the images' sides multiples of the coarsest stride.
    """
    height, width = images.shape[2:]
    multiple = backbone.strides[-1]
    padding = (0, -width % multiple, 0, -height % multiple)
    features: Tensor = neck(backbone(F.pad(images, padding)))
    return features
