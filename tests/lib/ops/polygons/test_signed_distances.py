"""Signed distances to polygons: worked out by hand, against an independent way, as an operator."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.ops import signed_distances
from lib.ops.library import LIBRARY_PATH
from lib.ops.polygons import signed_distances as module

Kernel = Callable[[torch.Tensor, int, int], torch.Tensor]


class _Plain(torch.autograd.Function):
    """The plain version with its plain backward."""

    @staticmethod
    def forward(ctx, contours, height, width):  # type: ignore[no-untyped-def]
        distances, edges = module.signed_distances_reference(contours, height, width)
        ctx.save_for_backward(contours, distances, edges)
        return distances

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        return module.signed_distances_backward_reference(grad, *ctx.saved_tensors), None, None


KERNELS = [
    pytest.param(signed_distances, id="in use"),
    pytest.param(_Plain.apply, id="reference"),
]
SQUARE = torch.tensor([[[1.0, 1.0], [5.0, 1.0], [5.0, 4.0], [1.0, 4.0]]])


def odd_contours(
    generator: torch.Generator, count: int, vertices: int, size: float
) -> torch.Tensor:
    """Random vertices, so that almost all cross themselves: plain, on whole and half cells, with
    repeated vertices, of no area, small, far away."""
    shape = (count, vertices, 2)
    points = torch.rand(shape, generator=generator, dtype=torch.float64) * 1.5 * size - size / 4
    points[1::6] = (points[1::6] * 2).round() / 2
    points[2::6, 1::2] = points[2::6, ::2][:, : vertices // 2]
    points[3::6] = points[3::6, :1]
    points[4::6] = points[4::6] * 0.05 + size / 2
    points[5::6] += 100 * size
    return points


def crossed_oddly(contour: np.ndarray, x: float, y: float) -> bool:
    """Crossings of the ray from (x, y) upwards, edge by edge; other than that of the operator."""
    inside = False
    for (ax, ay), (bx, by) in zip(contour, np.roll(contour, -1, axis=0), strict=True):
        if (ax <= x) != (bx <= x) and ay + (x - ax) / (bx - ax) * (by - ay) < y:
            inside = not inside
    return inside


def plain_distance(contour: np.ndarray, x: float, y: float) -> float:
    """Edge by edge, by projections."""
    point, nearest = np.array([x, y]), math.inf
    for a, b in zip(contour, np.roll(contour, -1, axis=0), strict=True):
        edge = b - a
        length = edge @ edge
        foot = a if length == 0 else a + np.clip((point - a) @ edge / length, 0, 1) * edge
        nearest = min(nearest, float(np.linalg.norm(point - foot)))
    return nearest


@pytest.mark.parametrize("kernel", KERNELS)
def test_distances_to_a_rectangle_by_hand(kernel: Kernel) -> None:
    """Cell (row 0, column 0) has its centre at (0.5, 0.5), half a cell off both sides' corner."""
    found = kernel(SQUARE, 5, 6)[0]
    assert found[0, 0].item() == pytest.approx(-math.sqrt(0.5))
    assert found[0, 2].item() == pytest.approx(-0.5)
    assert found[1, 1].item() == pytest.approx(0.5)
    assert found[2, 2].item() == pytest.approx(1.5)  # x 2.5, y 2.5: 1.5 to the left, top and bottom
    assert found[2, 5].item() == pytest.approx(-0.5)
    assert (found > 0).sum() == 4 * 3


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_star_is_hollow_where_it_winds_twice(kernel: Kernel) -> None:
    angles = torch.arange(5) * (4 * math.pi / 5)
    star = 5 + 4.9 * torch.stack([angles.sin(), -angles.cos()], dim=1)
    found = kernel(star[None], 10, 10)[0]
    assert found[4, 4] < 0 and found[2, 4] > 0


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradient_by_hand(kernel: Kernel) -> None:
    """The cell at (2.5, 0.5) sees the upper side from outside, 0.5 away, a quarter and a bit of the
    way along: moving the side up by 1 brings it 1 nearer, shared 0.625 : 0.375."""
    contour = SQUARE.clone().requires_grad_()
    kernel(contour, 5, 6)[0, 0, 2].backward()
    expected = torch.zeros(1, 4, 2)
    expected[0, 0, 1], expected[0, 1, 1] = -0.625, -0.375
    torch.testing.assert_close(contour.grad, expected)


@pytest.mark.parametrize("kernel", KERNELS)
@given(seed=st.integers(0, 2**32), vertices=st.integers(3, 12))
@settings(max_examples=15, deadline=None)
def test_odd_polygons_edge_by_edge(kernel: Kernel, seed: int, vertices: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    contours = odd_contours(generator, 6, vertices, 9)
    found = kernel(contours, 8, 9).numpy()
    for contour, distances in zip(contours.numpy(), found, strict=True):
        for row in range(8):
            for column in range(9):
                expected = plain_distance(contour, column + 0.5, row + 0.5)
                assert abs(distances[row, column]) == pytest.approx(expected, abs=1e-9)
                if expected > 1e-9:
                    inside = crossed_oddly(contour, column + 0.5, row + 0.5)
                    assert (distances[row, column] > 0) == inside


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(3))
def test_all_kernels_give_the_same(seed: int, dtype: torch.dtype) -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    generator = torch.Generator().manual_seed(seed)
    contours = odd_contours(generator, 60, 37, 20).to(dtype)
    distances, edges = torch.ops.e2ec.signed_distances(contours, 21, 18)
    expected, expected_edges = module.signed_distances_reference(contours, 21, 18)
    torch.testing.assert_close(distances, expected, rtol=2e-6, atol=2e-6)
    grad = torch.rand(distances.shape, generator=generator).to(dtype)
    # Of equally near edges the two may name different ones: beside that the gradients are the same.
    same = (edges == expected_edges).flatten(1).all(dim=1)
    assert same.sum() > 20
    found = torch.ops.e2ec.signed_distances_backward(grad, contours, distances, edges)
    plain = module.signed_distances_backward_reference(grad, contours, expected, expected_edges)
    torch.testing.assert_close(found[same], plain[same], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_equal_finite_differences(kernel: Kernel) -> None:
    """Off the places where another edge becomes the nearest: there the distance has a kink."""
    generator = torch.Generator().manual_seed(3)
    contours = torch.rand(3, 7, 2, generator=generator, dtype=torch.float64) * 8
    contours[2, 3] = contours[2, 4]
    contours[2, 4] += 1e-3
    assert torch.autograd.gradcheck(kernel, (contours.requires_grad_(), 6, 7))


@pytest.mark.parametrize("kernel", KERNELS)
def test_on_an_edge_there_is_no_gradient_and_no_nan(kernel: Kernel) -> None:
    contour = (SQUARE - 0.5).requires_grad_()  # its sides go through centres
    found = kernel(contour, 5, 6)
    assert (found == 0).sum() == 2 * 5 + 2 * 2
    found[found == 0].sum().backward()
    assert contour.grad is not None and (contour.grad == 0).all()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_nan_for_its_own_contour_alone(kernel: Kernel, value: float) -> None:
    contours = SQUARE.repeat(3, 1, 1)
    contours[1, 2, 0] = value
    found = kernel(contours, 4, 5)
    assert found[1].isnan().all() and torch.equal(found[0], found[2])
    assert found[0].isfinite().all()


def test_no_contours_and_a_layout_of_another_order() -> None:
    empty = torch.zeros(0, 5, 2, requires_grad=True)
    found = signed_distances(empty, 3, 4)
    assert found.shape == (0, 3, 4)
    found.sum().backward()
    assert empty.grad is not None and empty.grad.shape == (0, 5, 2)
    contours = torch.rand(2, 6, 4).mT[:, 1::2].mT.requires_grad_()
    assert not contours.is_contiguous()
    weight = torch.rand(4, 7, 2).permute(2, 1, 0)
    (found,) = torch.autograd.grad(signed_distances(contours, 7, 4), contours, weight)
    plain = contours.detach().contiguous().requires_grad_()
    (expected,) = torch.autograd.grad(signed_distances(plain, 7, 4), plain, weight.contiguous())
    assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sound_operator(dtype: torch.dtype) -> None:
    contours = torch.rand(2, 5, 2, dtype=dtype, requires_grad=True)
    torch.library.opcheck(torch.ops.e2ec.signed_distances.default, (contours, 3, 4))
    distances, edges = torch.ops.e2ec.signed_distances(contours.detach(), 3, 4)
    arguments = (torch.ones_like(distances), contours.detach(), distances, edges)
    torch.library.opcheck(torch.ops.e2ec.signed_distances_backward.default, arguments)


def test_a_second_derivative_is_refused() -> None:
    contours = torch.rand(1, 4, 2, requires_grad=True)
    total = signed_distances(contours, 3, 3).square().sum()
    (grad,) = torch.autograd.grad(total, contours, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        grad.sum().backward()


def test_the_plain_version_takes_some_contours_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    contours = odd_contours(torch.Generator().manual_seed(0), 9, 8, 6)
    expected = module.signed_distances_reference(contours, 5, 6)
    monkeypatch.setattr(module, "PAIRS", 2 * 8 * 5 * 6)
    for found, other in zip(
        module.signed_distances_reference(contours, 5, 6), expected, strict=True
    ):
        assert torch.equal(found, other)


@pytest.mark.parametrize(
    ("contours", "size", "message"),
    [
        (torch.zeros(2, 2, 2), (3, 3), "V >= 3"),
        (torch.zeros(4, 2), (3, 3), "V >= 3"),
        (torch.zeros(1, 4, 3), (3, 3), "V >= 3"),
        (torch.zeros(1, 4, 2).half(), (3, 3), "float32 or float64"),
        (torch.zeros(1, 4, 2), (0, 3), "no cells"),
    ],
)
def test_what_does_not_fit_is_refused(
    contours: torch.Tensor, size: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        signed_distances(contours, *size)


@pytest.mark.parametrize("edge", [-1, 4])
def test_edges_that_lead_astray_are_refused(edge: int) -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    distances, edges = torch.ops.e2ec.signed_distances(SQUARE, 2, 2)
    with pytest.raises(RuntimeError, match="no contour has"):
        torch.ops.e2ec.signed_distances_backward(
            distances, SQUARE, distances, torch.full_like(edges, edge)
        )
