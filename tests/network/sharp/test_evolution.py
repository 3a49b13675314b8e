"""The evolution of contours with classifiers that are known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from network.sharp.evolution import evolve, outward_normals, subdivide
from network.sharp.settings import EvolutionSettings

SQUARE = torch.tensor([[0.0, 0.0], [8.0, 0.0], [8.0, 8.0], [0.0, 8.0]])
ROOT = 1 / math.sqrt(2)


def circle(radius: float, vertices: int = 64, center: float = 50.0) -> Tensor:
    angle = torch.arange(vertices, dtype=torch.float64) * (2 * math.pi / vertices)
    return center + radius * torch.stack([angle.cos(), angle.sin()], dim=1)


def disc(radius: float, inside: float = 0.0, outside: float = 1.0) -> Callable[[Tensor], Tensor]:
    """The state of a disc around (50, 50)."""

    def state(points: Tensor) -> Tensor:
        beyond = (points - 50).norm(dim=-1) > radius
        return torch.where(beyond, outside, inside).to(points.dtype)

    return state


def radius_of(contours: Tensor) -> Tensor:
    return (contours - 50).norm(dim=-1)


def run(state: Callable[[Tensor], Tensor], ring: Tensor, size: float, **numbers: float) -> Tensor:
    """The contours after every iteration, (iterations, N, 2)."""
    settings = EvolutionSettings(**numbers)  # type: ignore[arg-type]
    found = evolve(ring[None], state, ring.new_tensor([size]), settings)
    assert len(found) == settings.iterations
    return torch.cat(found)


# Equation 1


@pytest.mark.parametrize(
    ("phi", "adaptive", "length"),
    [
        (0.0, True, 0.5),  # 0.01 * 100 * |0 - 0.5|
        (0.25, True, 0.25),  # 0.01 * 100 * |0.25 - 0.5|
        (0.5, True, 0.0),  # on the boundary: no step; 0.5 is inside
        (0.25, False, 0.5),  # table 5: as long as of full certainty
    ],
)
def test_the_length_of_a_step(phi: float, adaptive: bool, length: float) -> None:
    """Everything is inside: after one step of one iteration a circle has grown by s."""
    found = run(
        disc(1e9, inside=phi), circle(30), 100, step=0.01, max_steps=1, iterations=1,
        adaptive=adaptive,
    )  # fmt: skip
    assert torch.allclose(radius_of(found), torch.full((1, 64), 30 + length).double())


def test_outside_moves_in_and_inside_moves_out() -> None:
    out = run(disc(40), circle(30), 100, max_steps=4, iterations=1)
    back = run(disc(20), circle(30), 100, max_steps=4, iterations=1)
    assert torch.allclose(radius_of(out), torch.full((1, 64), 30 + 4 * 0.15).double())
    assert torch.allclose(radius_of(back), torch.full((1, 64), 30 - 4 * 0.15).double())


def test_the_numbers_of_the_paper_are_the_default() -> None:
    assert EvolutionSettings() == EvolutionSettings(
        step=0.003, max_steps=10, iterations=3, vertices=128, adaptive=True
    )


def test_a_vertex_stops_where_its_state_flips() -> None:
    """Steps of 0.5 from 30: 30.5 and 31 are inside of 31.2, 31.5 is beyond it."""
    found = run(disc(31.2), circle(30), 100, step=0.01, iterations=1)
    assert torch.allclose(radius_of(found), torch.full((1, 64), 31.5).double())


def test_without_a_flip_a_vertex_makes_all_its_steps_in_every_iteration() -> None:
    found = run(disc(1e9), circle(30), 100, step=0.01, max_steps=10, iterations=3)
    expected = torch.tensor([35.0, 40.0, 45.0]).double()[:, None].expand(3, 64)
    assert torch.allclose(radius_of(found), expected)


def test_who_has_flipped_rests() -> None:
    """Half of the boundary lies at 31.2, reached in the first iteration; for x < 50 it lies
    beyond reach: only that half moves on, and nothing comes back."""

    def state(points: Tensor) -> Tensor:
        limit = torch.where(points[..., 0] >= 50, 31.2, 1e9)
        return ((points - 50).norm(dim=-1) > limit).double()

    ring = circle(30)
    found = run(state, ring, 100, step=0.01, max_steps=5, iterations=3)
    right, left = ring[:, 0] > 52, ring[:, 0] < 40
    assert torch.equal(found[1][right], found[0][right])
    assert torch.equal(found[2][right], found[0][right])
    assert (radius_of(found[2])[left] > radius_of(found[0])[left] + 4).all()


def test_a_vertex_asks_only_for_its_own_ring() -> None:
    """Two rings with classifiers of their own in one call: each as if it were alone."""
    both = torch.stack([circle(30), circle(42)])

    def state(points: Tensor) -> Tensor:
        limit = points.new_tensor([33.0, 40.0])[:, None]
        return ((points - 50).norm(dim=-1) > limit).double()

    settings = EvolutionSettings()
    together = evolve(both, state, both.new_tensor([60.0, 84.0]), settings)[-1]
    for k, (limit, size) in enumerate([(33.0, 60.0), (40.0, 84.0)]):
        alone = evolve(both[k : k + 1], disc(limit), both.new_tensor([size]), settings)[-1]
        assert torch.equal(together[k], alone[0])


def test_a_hole_grows_where_its_vertices_stand_in_the_object() -> None:
    """An object all around a hole of radius 31.8: its ring, drawn at 30, is outside of the object,
    and outward from the object is into the hole."""

    def state(points: Tensor) -> Tensor:
        return ((points - 50).norm(dim=-1) < 31.8).double()

    settings = EvolutionSettings(step=0.01, iterations=1)
    ring, size = circle(30)[None], torch.tensor([100.0]).double()
    found = evolve(ring, state, size, settings, outward=torch.tensor([-1.0]).double())[0]
    assert torch.allclose(radius_of(found), torch.full((1, 64), 32.0).double())
    wrong = evolve(ring, state, size, settings)[0]
    assert (radius_of(wrong) < 30).all()


def test_no_contour() -> None:
    found = evolve(torch.zeros(0, 8, 2), disc(1), torch.zeros(0), EvolutionSettings())
    assert [contours.shape for contours in found] == [(0, 8, 2)] * 3


# Normals


@pytest.mark.parametrize("turned", [False, True])
def test_normals_of_a_square_point_out_of_its_corners(turned: bool) -> None:
    ring = SQUARE.flip(0) if turned else SQUARE
    expected = ROOT * torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    assert torch.allclose(outward_normals(ring[None])[0], expected.flip(0) if turned else expected)


@pytest.mark.parametrize("turned", [False, True])
def test_normals_of_a_circle_are_its_rays(turned: bool) -> None:
    ring = circle(20).flip(0) if turned else circle(20)
    assert torch.allclose(outward_normals(ring[None])[0], (ring - 50) / 20)


def test_normals_far_from_the_origin_keep_their_direction() -> None:
    """In float32 products of large coordinates would drown a small ring's area."""
    ring = (circle(3) + 30_000).float()
    for turned in (ring, ring.flip(0)):
        outward = (turned - turned.mean(0)) * outward_normals(turned[None])[0]
        assert (outward.sum(1) > 0).all()


@pytest.mark.parametrize(
    "ring",
    [
        torch.full((6, 2), 7.0),
        torch.tensor([[0.0, 0.0], [5.0, 0.0], [9.0, 0.0], [5.0, 0.0]]),
        torch.tensor([[0.0, 0.0], [8.0, 0.0], [8.0, 0.0], [8.0, 0.0], [0.0, 8.0]]),
    ],
    ids=["a point", "a line", "repeated vertices"],
)
def test_degenerate_rings_stay_finite(ring: Tensor) -> None:
    normals = outward_normals(ring[None])
    lengths = normals.norm(dim=-1)
    assert normals.isfinite().all()
    assert (torch.isclose(lengths, torch.ones(())) | (lengths == 0)).all()
    for size in (0.0, 10.0):
        found = run(disc(1e9), ring, size)
        assert found.isfinite().all()


# More vertices


def test_divided_edges_keep_the_shape() -> None:
    """A square of perimeter 32 with 10 wanted: 3 parts an edge, corners among them."""
    found = subdivide(SQUARE[None], 10)[0]
    assert found.shape == (12, 2)
    assert torch.equal(found[::3], SQUARE)
    assert torch.allclose(found[1], torch.tensor([8 / 3, 0.0]))
    assert torch.allclose(found[11], torch.tensor([0.0, 8 / 3]))


@pytest.mark.parametrize("vertices", [3, 4])
def test_enough_vertices_stay_as_they_are(vertices: int) -> None:
    assert torch.equal(subdivide(SQUARE[None], vertices), SQUARE[None])


def test_no_contour_is_divided() -> None:
    assert subdivide(torch.zeros(0, 4, 2), 8).shape == (0, 8, 2)


@pytest.mark.parametrize(
    "numbers", [{"step": 0.0}, {"step": 1.5}, {"max_steps": 0}, {"iterations": 21}, {"vertices": 2}]
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(numbers))):
        EvolutionSettings(**numbers)  # type: ignore[arg-type]
