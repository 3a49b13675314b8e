"""The neck: initialisation of its parts, and the aggregation against its formula."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from network.contour.neck import IterativeAggregation, ModulatedDeformConv, Neck, Upsampling


@pytest.mark.parametrize("factor", [2, 4, 8])
@torch.no_grad()
def test_upsampling_starts_as_bilinear_interpolation(factor: int) -> None:
    """A plane stays a plane: in the interior the values of neighbours differ by 1 / factor."""
    up = Upsampling(2, factor)
    x = torch.arange(6.0).expand(1, 2, 6, 6)
    enlarged = up(x)
    assert enlarged.shape == (1, 2, 6 * factor, 6 * factor)
    inner = enlarged[:, :, factor:-factor, factor:-factor]
    assert torch.allclose(inner.diff(dim=3), torch.tensor(1 / factor), atol=1e-5)
    assert torch.allclose(inner.diff(dim=2), torch.tensor(0.0), atol=1e-5)
    assert torch.allclose(up.weight.sum((2, 3)), torch.tensor(float(factor**2)))


def test_bilinear_kernel_of_factor_two() -> None:
    # Weights 1/4, 3/4, 3/4, 1/4 in each direction.
    ramp = torch.tensor([0.25, 0.75, 0.75, 0.25])
    kernel = Upsampling(3, 2).weight[:, 0]
    assert torch.allclose(kernel, torch.outer(ramp, ramp).expand(3, 4, 4))


@pytest.mark.parametrize("autocast", [True, False])
@pytest.mark.parametrize("factor", [2, 4])
def test_upsampling_in_bfloat16_is_that_of_float32_rounded(factor: int, autocast: bool) -> None:
    """With weights in float32 under autocast, or in bfloat16 themselves; gradients as well."""
    torch.manual_seed(0)
    up = Upsampling(5, factor)
    torch.nn.init.normal_(up.weight)
    up.weight.data = up.weight.bfloat16().float()
    x = torch.randn(2, 5, 6, 7).bfloat16().requires_grad_()
    exact = F.conv_transpose2d(
        x.float(), up.weight, stride=factor, padding=factor // 2, groups=up.groups
    )
    assert torch.equal(up(x.detach().float()), exact)
    upstream = torch.randn_like(exact).bfloat16()
    (expected,) = torch.autograd.grad(exact, x, upstream.float())
    if not autocast:
        up = up.bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = up(x)
    assert found.dtype == torch.bfloat16 and torch.equal(found, exact.bfloat16())
    (grad,) = torch.autograd.grad(found, x, upstream)
    assert torch.equal(grad, expected)


@torch.no_grad()
def test_a_fresh_deformable_convolution_is_half_a_convolution() -> None:
    """Offsets start at 0 and the mask at sigmoid(0) = 0.5."""
    torch.manual_seed(0)
    conv = ModulatedDeformConv(3, 5).double()
    conv.bias.normal_()
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    expected = F.conv2d(x, 0.5 * conv.weight, conv.bias, padding=1)
    assert torch.allclose(conv(x), expected)


@torch.no_grad()
def test_offsets_come_before_the_mask_and_y_before_x() -> None:
    """Every tap moved one row down: the convolution of the map moved one row up."""
    torch.manual_seed(0)
    conv = ModulatedDeformConv(2, 4).double()
    conv.conv_offset_mask.bias[:18:2] = 1.0  # dy of the nine taps
    conv.conv_offset_mask.bias[18:] = 100.0  # masks of 1
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64)
    moved = F.pad(x, (0, 0, 0, 1))[:, :, 1:]
    expected = F.conv2d(moved, conv.weight, conv.bias, padding=1)
    # The first row differs: the tap above it reads row 0 of the map instead of the padding.
    assert torch.allclose(conv(x)[:, :, 1:], expected[:, :, 1:])


@torch.no_grad()
def test_aggregation_follows_its_formula() -> None:
    torch.manual_seed(0)
    ida = IterativeAggregation([4, 6, 8], [1, 2, 4], deformable=False).eval()
    m0, m1, m2 = torch.rand(1, 4, 8, 8), torch.rand(1, 6, 4, 4), torch.rand(1, 8, 2, 2)
    out1 = ida.node_1(ida.up_1(ida.proj_1(m1)) + m0)
    out2 = ida.node_2(ida.up_2(ida.proj_2(m2)) + out1)
    found = ida([m0, m1, m2])
    assert len(found) == 3
    for mine, expected in zip(found, (m0, out1, out2), strict=True):
        assert torch.equal(mine, expected)


@pytest.mark.parametrize("deformable", [True, False])
@torch.no_grad()
def test_the_shared_map_has_the_finest_size_and_channels(deformable: bool) -> None:
    backbone = SimpleNamespace(channels=(4, 6, 8, 10), strides=(4, 8, 16, 32))
    neck = Neck(backbone, deformable=deformable).eval()
    assert (neck.channels, neck.stride) == (4, 4)
    maps = [torch.rand(2, c, 32 // s, 64 // s) for c, s in ((4, 4), (6, 8), (8, 16), (10, 32))]
    assert neck(maps).shape == (2, 4, 8, 16)
    assert sum(isinstance(m, ModulatedDeformConv) for m in neck.modules()) == 16 * deformable


@pytest.mark.parametrize("strides", [(4, 8, 16), (4, 8, 16, 64), (8, 4, 16, 32)])
def test_maps_of_other_strides_are_refused(strides: tuple[int, ...]) -> None:
    backbone = SimpleNamespace(channels=(4, 6, 8, 10)[: len(strides)], strides=strides)
    with pytest.raises(ValueError, match="four maps"):
        Neck(backbone)
