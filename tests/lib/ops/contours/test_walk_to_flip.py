"""Vertices that walk to where their classifier flips: kernel and plain version against a loop.

A state of nearly 0.5 may fall to either side by rounding, and the walk of such a vertex with it:
the loop says how near to 0.5 any state on the way came, and float32 is compared where that is far.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from lib.ops import walk_to_flip
from lib.ops.contours.walk_to_flip import plain_walk_to_flip
from lib.ops.library import LIBRARY_PATH

STRIDE = 4


def case(
    rings: int, vertices: int, *, widths: tuple[int, ...] = (5, 6, 7, 1), seed: int = 0
) -> dict[str, Any]:
    """Three maps of 36x28 pixels; some vertices are outside of them, some rest. The first shows
    nothing but its image, the others have padding around theirs."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int, scale: float = 1.0) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64) * scale

    layers = [
        (normal(rings, a * b, scale=2.5 / a**0.5), normal(rings, b, scale=0.2))
        for a, b in itertools.pairwise(widths)
    ]
    angles = torch.rand(rings, vertices, generator=generator, dtype=torch.float64) * 2 * math.pi
    corner = torch.rand(rings, 2, generator=generator, dtype=torch.float64) * 20
    place = torch.rand(rings, vertices, 2, generator=generator, dtype=torch.float64)
    return {
        "fine": normal(3, widths[0] - 2, 7, 9, scale=2.0),
        "parameters": torch.cat([part for layer in layers for part in layer], dim=1),
        "boxes": torch.cat([corner, corner + 12], dim=1),
        "image_index": torch.arange(rings) % 3,
        "points": place * 46 - 5,
        "normals": torch.stack([angles.cos(), angles.sin()], dim=2),
        "resting": torch.rand(rings, vertices, generator=generator) < 0.2,
        "extents": torch.tensor(
            [[-2.0, -3.0, 99.0, 99.0], [5.5, 0.0, 36.0, 20.25], [0.0, 8.0, 30.75, 99.0]],
            dtype=torch.float64,
        ),
        "widths": widths,
        "stride": STRIDE,
        "step": 0.25,
        "max_steps": 6,
        "adaptive": True,
    }


def slow_logit(given: dict[str, Any], ring: int, x: float, y: float) -> float:
    """Cell by cell and product by product."""
    fine = given["fine"][given["image_index"][ring]]
    channels, height, width = fine.shape
    if not (0 <= x <= width * STRIDE and 0 <= y <= height * STRIDE):
        return math.inf
    if given["extents"] is not None:
        x0, y0, x1, y1 = given["extents"][given["image_index"][ring]].tolist()
        if not (x0 <= x <= x1 and y0 <= y <= y1):
            return math.inf
    u, v = x / STRIDE - 0.5, y / STRIDE - 0.5
    values = [0.0] * channels
    for i in (math.floor(v), math.floor(v) + 1):
        for j in (math.floor(u), math.floor(u) + 1):
            if 0 <= i < height and 0 <= j < width:
                share = (1 - abs(v - i)) * (1 - abs(u - j))
                values = [a + share * float(b) for a, b in zip(values, fine[:, i, j], strict=True)]
    x0, y0, x1, y1 = given["boxes"][ring].tolist()
    values += [2 * (x - x0) / (x1 - x0) - 1, 2 * (y - y0) / (y1 - y0) - 1]
    numbers = iter(given["parameters"][ring].tolist())
    for inputs, outputs in itertools.pairwise(given["widths"]):
        weight = [[next(numbers) for _ in range(inputs)] for _ in range(outputs)]
        sums = [sum(a * b for a, b in zip(row, values, strict=True)) for row in weight]
        values = [value + next(numbers) for value in sums]
        if outputs != 1:  # only the last layer has a single output here
            values = [max(value, 0.0) for value in values]
    return values[0]


def slow_walk(given: dict[str, Any], ring: int, vertex: int) -> tuple[list[float], bool, float]:
    """Where the vertex stops, whether it flipped, and the smallest logit that it met."""
    x, y = given["points"][ring, vertex].tolist()
    if given["resting"][ring, vertex]:
        return [x, y], False, math.inf
    first = slow_logit(given, ring, x, y)
    phi = 1 / (1 + math.exp(-first))
    x0, y0, x1, y1 = given["boxes"][ring].tolist()
    certainty = abs(phi - 0.5) if given["adaptive"] else 0.5
    length = given["step"] * math.sqrt((x1 - x0) * (y1 - y0)) * certainty
    if phi > 0.5:
        length = -length
    nx, ny = given["normals"][ring, vertex].tolist()
    nearest = abs(first)
    for number in range(1, given["max_steps"] + 1):
        at = [x + number * length * nx, y + number * length * ny]
        logit = slow_logit(given, ring, *at)
        nearest = min(nearest, abs(logit))
        if (logit > 0) != (first > 0):
            return at, True, nearest
    return at, False, nearest


def slow(given: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    rings, vertices = given["resting"].shape
    walks = [[slow_walk(given, ring, k) for k in range(vertices)] for ring in range(rings)]
    points = torch.tensor([[walk[0] for walk in row] for row in walks], dtype=torch.float64)
    flipped = torch.tensor([[walk[1] for walk in row] for row in walks])
    return points, flipped, torch.tensor([[walk[2] for walk in row] for row in walks])


def single(given: dict[str, Any]) -> dict[str, Any]:
    """The same in float32."""
    return {
        name: value.float() if isinstance(value, Tensor) and value.dtype == torch.float64 else value
        for name, value in given.items()
    }


def plain(given: dict[str, Any]) -> tuple[Tensor, Tensor]:
    names = ("fine", "parameters", "widths", "boxes", "image_index", "points", "normals")
    rest = ("resting", "extents", "stride", "step", "max_steps", "adaptive")
    return plain_walk_to_flip(*(given[name] for name in (*names, *rest)))


@pytest.mark.parametrize("adaptive", [True, False])
@pytest.mark.parametrize("widths", [(5, 6, 7, 1), (18, 16, 1)])
def test_equals_a_walk_of_every_vertex_by_itself(widths: tuple[int, ...], adaptive: bool) -> None:
    """130 vertices a ring: three tasks, whose last one leaves most lanes empty."""
    given = case(4, 130, widths=widths) | {"adaptive": adaptive}
    points, flipped, nearest = slow(given)
    assert 0.1 < flipped.double().mean() < 0.9, "a case that shows both"
    exact_points, exact_flipped = plain(given)
    assert torch.equal(exact_flipped, flipped)
    torch.testing.assert_close(exact_points, points, atol=1e-9, rtol=0)
    found_points, found_flipped = walk_to_flip(**single(given))
    clear = nearest > 1e-4
    assert clear.double().mean() > 0.98
    assert torch.equal(found_flipped[clear], flipped[clear])
    torch.testing.assert_close(found_points[clear].double(), points[clear], atol=1e-4, rtol=0)


def test_without_extents_all_of_the_map_is_the_image() -> None:
    given = case(6, 40)
    everywhere = torch.tensor([0.0, 0.0, 36.0, 28.0]).double().expand(3, 4)
    expected = plain(given | {"extents": everywhere})
    for found in (
        plain(given | {"extents": None}),
        plain(given | {"extents": everywhere + torch.tensor([-9, -9, 9, 9])}),
    ):
        assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    assert not torch.equal(plain(given)[0], expected[0]), "extents say something"
    given = single(given)
    expected = walk_to_flip(**given | {"extents": everywhere.float()})
    found = walk_to_flip(**given | {"extents": None})
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])


@pytest.mark.parametrize(
    "extent",
    [[math.nan] * 4, [-math.inf] * 4, [1e38] * 4, [60, 50, 90, 90], [20, 20, 9, 9]],
)
def test_an_image_that_lies_nowhere_has_no_inside(extent: list[float]) -> None:
    """All vertices are outside: surely so, they walk as far as they can, against their normals."""
    given = case(3, 20) | {"extents": torch.tensor([extent] * 3).double()}
    way = given["normals"] * (6 * 0.25 * 12 * 0.5)
    way[given["resting"]] = 0
    torch.testing.assert_close(plain(given)[0], given["points"] - way)
    points, flipped = walk_to_flip(**single(given))
    torch.testing.assert_close(points.double(), given["points"] - way, atol=1e-4, rtol=0)
    assert not flipped.any()


def test_who_rests_stays_and_is_not_counted_as_flipped() -> None:
    given = single(case(3, 40))
    points, flipped = walk_to_flip(**given)
    resting = given["resting"]
    assert resting.any()
    assert torch.equal(points[resting], given["points"][resting])
    assert not flipped[resting].any()


def test_two_threads_find_what_one_does() -> None:
    given = single(case(6, 128))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = walk_to_flip(**given)
        torch.set_num_threads(2)
        two = walk_to_flip(**given)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1])


def test_other_layouts() -> None:
    """Channels last, views with steps, and numbers that lie across."""
    given = single(case(3, 33))
    expected = walk_to_flip(**given)
    other = given | {
        "fine": given["fine"].contiguous(memory_format=torch.channels_last),
        "points": given["points"].mT.contiguous().mT,
        "normals": given["normals"].repeat_interleave(2, dim=0)[::2],
        "parameters": given["parameters"].T.contiguous().T,
        "boxes": given["boxes"].T.contiguous().T,
        "resting": given["resting"].T.contiguous().T,
        "extents": given["extents"].T.contiguous().T,
    }
    found = walk_to_flip(**other)
    if LIBRARY_PATH.exists():
        assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    # Products of matrices that lie otherwise may be rounded otherwise.
    alike = (found[0] - expected[0]).norm(dim=-1) < 1e-4
    assert alike.double().mean() > 0.97


@pytest.mark.parametrize("shape", [(0, 128), (3, 0)])
def test_nothing(shape: tuple[int, int]) -> None:
    points, flipped = walk_to_flip(**single(case(*shape)))
    assert points.shape == (*shape, 2) and flipped.shape == shape


def test_what_is_not_a_number_reads_nothing_beyond_the_map() -> None:
    given = single(case(1, 6))
    strange = torch.tensor([math.nan, math.inf, -math.inf, 1e38, -1e38, 3.0])
    given["points"] = torch.stack([strange, strange], dim=1)[None]
    given["resting"] = torch.zeros(1, 6, dtype=torch.bool)
    points, _ = walk_to_flip(**given)
    assert points[0, 5].isfinite().all()
    walk_to_flip(**given | {"parameters": torch.full_like(given["parameters"], math.nan)})


def test_is_a_sound_operator() -> None:
    given = single(case(2, 20))
    order = ("fine", "parameters", "widths", "boxes", "image_index", "points", "normals")
    rest = ("resting", "extents", "stride", "step", "max_steps", "adaptive")
    for extents in (given["extents"], None):
        arguments = tuple((given | {"extents": extents})[name] for name in (*order, *rest))
        torch.library.opcheck(torch.ops.e2ec.walk_to_flip.default, arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fine": torch.zeros(3, 3, 7, 9).double()}, "float32"),
        ({"fine": torch.zeros(3, 7, 9)}, "B, C, h, w"),
        ({"widths": (4, 6, 7, 1)}, "widths"),
        ({"widths": (5, 6, 7, 2)}, "widths"),
        ({"widths": (5, 6, 1)}, "fit each other"),
        ({"points": torch.zeros(2, 19, 2)}, "fit each other"),
        ({"boxes": torch.zeros(3, 4)}, "fit each other"),
        ({"resting": torch.zeros(2, 20)}, "fit each other"),
        ({"image_index": torch.tensor([0, 3])}, "names an image"),
        ({"image_index": torch.tensor([-1, 0])}, "names an image"),
        ({"extents": torch.zeros(2, 4)}, "extents"),
        ({"extents": torch.zeros(3, 4).double()}, "extents"),
        ({"stride": 0}, "positive"),
        ({"max_steps": 0}, "positive"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    with pytest.raises(RuntimeError, match=message):
        walk_to_flip(**single(case(2, 20)) | change)
