"""SharpContour as a module: any contours on any map, by the plain way and by the operator."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import get_args

import pytest
import torch
from sharp_case import STRIDE, circles, random_maps, random_sharp
from torch import Tensor

from lib.errors import InputError
from network.sharp import classifier as classifier_module
from network.sharp.settings import EvolutionSettings, Movement
from network.sharp.sharp_contour import movement_of

INDEX = torch.tensor([0, 0, 1, 2, 2])
EXTENTS = torch.tensor([[0.0, 6, 64, 42], [8, 0, 56, 48], [-9, -9, 99, 99]]).double()
"""The third image fills its map of 64x48 pixels."""
FAR = EvolutionSettings(step=0.05, max_steps=6, vertices=32)
"""Steps that show at a glance."""


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Grows by one whenever the operator runs."""
    calls: list[int] = []
    operator = classifier_module.walk_to_flip

    def counted(*arguments: object, **numbers: object) -> object:
        calls.append(1)
        return operator(*arguments, **numbers)  # type: ignore[arg-type]

    monkeypatch.setattr(classifier_module, "walk_to_flip", counted)
    yield calls


def sharpest(movement: Movement, batch: int, index: Tensor) -> list[Tensor]:
    sharp = random_sharp(movement)
    with torch.no_grad():
        return sharp(random_maps(batch), circles(len(index)), index, evolution=FAR)


@pytest.mark.parametrize("movement", get_args(Movement))
def test_a_batch_equals_its_images_one_by_one(movement: Movement) -> None:
    maps, contours = random_maps(3), circles(5)
    sharp = random_sharp(movement)
    with torch.no_grad():
        together = sharp(maps, contours, INDEX, extents=EXTENTS, evolution=FAR)
        for image in range(3):
            mine = torch.eq(INDEX, image)
            alone = sharp(
                maps[image, None],
                contours[mine],
                INDEX[mine] * 0,
                extents=EXTENTS[image, None],
                evolution=FAR,
            )
            assert len(alone) == 3
            for found, expected in zip(together, alone, strict=True):
                torch.testing.assert_close(found[mine], expected, atol=1e-9, rtol=0)
    assert (together[-1] - contours).norm(dim=-1).mean() > 0.5, "a case in which they move"


@pytest.mark.parametrize("movement", get_args(Movement))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_contour(movement: Movement, dtype: torch.dtype) -> None:
    sharp = random_sharp(movement).to(dtype)
    index = torch.zeros(0, dtype=torch.int64)
    with torch.no_grad():
        for batch in (1, 2):
            found = sharp(random_maps(batch).to(dtype), circles(0).to(dtype), index)
            assert [contours.shape for contours in found] == [(0, 128, 2)] * 3


@pytest.mark.parametrize("adaptive", [True, False])
@pytest.mark.parametrize("extents", [None, EXTENTS], ids=["whole maps", "parts of them"])
def test_the_operator_finds_what_the_plain_way_finds(
    walks: list[int], adaptive: bool, extents: Tensor | None
) -> None:
    """In float64 it is not used. A state near 0.5 may fall to either side by rounding: vertices by
    the dozen are compared, and all but one in a hundred must agree within 0.001 pixels."""
    settings = EvolutionSettings(step=0.05, max_steps=6, vertices=128, adaptive=adaptive)
    sharp, maps, contours = random_sharp(), random_maps(3), circles(5)
    with torch.no_grad():
        plain = sharp(maps, contours, INDEX, extents=extents, evolution=settings)[-1]
        assert not walks
        fast = sharp.float()(
            maps.float(), contours.float(), INDEX, extents=extents, evolution=settings
        )[-1]
    assert len(walks) == settings.iterations
    assert (plain - contours.repeat_interleave(4, dim=1)).norm(dim=-1).mean() > 0.5
    apart = (fast - plain).norm(dim=-1)
    assert (apart < 1e-3).double().mean() > 0.99


def test_owners_and_holes_reach_the_operator(walks: list[int]) -> None:
    sharp, maps, contours = random_sharp(), random_maps(3), circles(5)
    more = {
        "owners": torch.tensor([0, 0, 1, 2, 2]),
        "outward": torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0]),
        "evolution": FAR,
    }
    with torch.no_grad():
        plain = sharp(maps, contours, INDEX, **more)[-1]
        fast = sharp.float()(maps.float(), contours.float(), INDEX, **more)[-1]
        alone = sharp(maps.float(), contours.float(), INDEX, evolution=FAR)[-1]
    assert walks and ((fast - plain).norm(dim=-1) < 1e-3).double().mean() > 0.99
    assert (alone - fast).norm(dim=-1).mean() > 0.5, "both say something"


def test_rings_of_an_owner_share_its_box() -> None:
    """A ring and its copy, moved by 20 pixels, of one owner: as two rings whose box is around both,
    which a third ring of the same owner spans."""
    sharp, maps = random_sharp("distance"), random_maps(1)
    ring = circles(1)
    both = torch.cat([ring, ring + 20])
    span = torch.cat([both.amin((0, 1)), both.amax((0, 1))])
    corners = span[[0, 1, 2, 1, 2, 3, 0, 3]].view(1, 4, 2).repeat_interleave(8, dim=1)
    index = torch.zeros(3, dtype=torch.int64)
    with torch.no_grad():
        pair = sharp(maps, both, index[:2], owners=index[:2], evolution=FAR)[-1]
        more = sharp(maps, torch.cat([both, corners]), index, owners=index, evolution=FAR)[-1]
    torch.testing.assert_close(more[:2], pair)


def test_gradients_are_never_lost_in_the_operator(walks: list[int]) -> None:
    """It gives none; where they may be asked for, the plain way is taken."""
    sharp = random_sharp().float()
    maps = random_maps(1).float().requires_grad_()
    index = torch.zeros(2, dtype=torch.int64)
    found = sharp(maps, circles(2).float(), index)[-1]
    assert not walks
    found.sum().backward()
    assert maps.grad is not None and maps.grad.abs().sum() > 0


def test_compiled_or_exported_it_is_plain_pytorch(walks: list[int]) -> None:
    """The operator is not among what an exporter sees."""
    sharp = random_sharp().float()
    index = torch.zeros(2, dtype=torch.int64)
    given = (random_maps(1).float(), circles(2).float(), index)
    with torch.no_grad():
        program = torch.export.export(sharp, given)
        expected = sharp(*given)[-1]
        found = program.module()(*given)[-1]
    assert "walk_to_flip" not in str(program.graph)
    assert ((found - expected).norm(dim=-1) < 1e-3).double().mean() > 0.99


@pytest.mark.parametrize("extent", [None, (3.0, 8.0, 60.0, 39.5), (-5.0, -5.0, 90.0, 90.0)])
def test_beyond_the_image_is_outside(extent: tuple[float, ...] | None) -> None:
    """A classifier that calls everything inside: contours grow, but end one step after the edge."""
    extents = None if extent is None else torch.tensor([extent])
    x0, y0, x1, y1 = (3.0, 8.0, 60.0, 39.5) if extent and extent[0] > 0 else (0.0, 0.0, 64.0, 48.0)
    sharp = random_sharp()
    with torch.no_grad():
        for parameter in sharp.classifier.controller[-1].parameters():
            parameter.zero_()
        sharp.classifier.controller[-1].bias[-1] = -9.0
        settings = EvolutionSettings(step=0.5, max_steps=10, iterations=10, vertices=32)
        ring = circles(1) * 0.3 + torch.tensor([20.0, 15.0])
        size = float((ring.amax(1) - ring.amin(1)).prod().sqrt())
        index = torch.zeros(1, dtype=torch.int64)
        for module, dtype in (
            (sharp, torch.float64),
            (copy.deepcopy(sharp).float(), torch.float32),
        ):
            maps, given = random_maps(1).to(dtype), ring.to(dtype)
            found = module(maps, given, index, extents=extents, evolution=settings)[-1]
            x, y = found.unbind(-1)
            limit = 0.5 * size * 0.5 + 1e-3
            assert x0 - limit <= x.min() < x0 and x1 < x.max() <= x1 + limit
            assert y0 - limit <= y.min() < y0 and y1 < y.max() <= y1 + limit


def test_a_distance_moves_along_the_normal_and_an_offset_anywhere() -> None:
    start = circles(5)
    along = start - start.mean(1, keepdim=True)
    for movement in ("distance", "offset"):
        step = sharpest(movement, 3, INDEX)[0] - start  # type: ignore[arg-type]
        across = step[..., 0] * along[..., 1] - step[..., 1] * along[..., 0]
        assert torch.allclose(across, torch.zeros(()).double(), atol=1e-9) == (
            movement == "distance"
        )


@pytest.mark.parametrize("movement", get_args(Movement))
def test_the_weights_say_how_vertices_move(movement: Movement) -> None:
    state = {f"sharp.{key}": value for key, value in random_sharp(movement).state_dict().items()}
    assert movement_of(state, name="w") == movement
    assert movement_of({}, name="w") is None
    for broken in (torch.tensor(7), torch.tensor([0, 1]), torch.tensor(torch.nan), None):
        damaged = dict(state)
        del damaged["sharp.kind"]
        if broken is not None:
            damaged["sharp.kind"] = broken
        with pytest.raises(InputError, match=r"w: weights are damaged: sharp\.kind"):
            movement_of(damaged, name="w")


def test_the_stride_is_that_of_the_maps() -> None:
    assert random_sharp().classifier.stride == STRIDE
