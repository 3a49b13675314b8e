"""Global deformation: the map computed at the cells it reads alone against the whole map."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from network.contour.global_deform import GlobalDeformation
from network.inference import sparse
from network.inference.sparse import SparseGlobalDeformation, cells_read, head_where
from network.layers.heads import DenseHead
from network.layers.sampling import sample_features

BATCH, HEIGHT, WIDTH = 2, 11, 14


def scene(*points: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """(2, P, 2) points, the second image's moved by a third of a cell, and their image index."""
    first = torch.tensor(points, dtype=torch.float64)
    return torch.stack([first, first + 1 / 3]), torch.arange(2)


SCENES = {
    "inside": scene((3.2, 4.9), (5.5, 6.0), (5.5, 6.5), (9.0, 2.0)),
    "borders": scene((0, 0), (13, 10), (0.5, 10), (13, 0.25), (13.6, 10.7)),
    "outside": scene((-0.7, 3), (14.4, 11.2), (-30, -40), (1e4, 4), (4, 1e4)),
    "nothing": (torch.zeros(0, 4, 2, dtype=torch.float64), torch.zeros(0, dtype=torch.int64)),
    "one image": (torch.tensor([[[3.3, 4.1]], [[7.7, 2.2]]]).double(), torch.ones(2).long()),
}


def features(layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    torch.manual_seed(0)
    values = torch.randn(BATCH, 6, HEIGHT, WIDTH, dtype=torch.float64)
    return values.contiguous(memory_format=layout)


def counted(head: DenseHead, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Says how the module's map is computed."""
    ways: list[str] = []
    head.register_forward_hook(lambda *_: ways.append("dense"))
    plain = head_where
    monkeypatch.setattr(
        sparse, "head_where", lambda *args: (ways.append("sparse"), plain(*args))[1]
    )
    return ways


@pytest.mark.parametrize("name", SCENES)
def test_cells_not_read_do_not_matter(name: str) -> None:
    points, image_index = SCENES[name]
    values = features()
    read = cells_read(points, image_index, (BATCH, HEIGHT, WIDTH))
    known = values.where(read[:, None], 1e6)
    expected = sample_features(values, points, image_index)
    assert torch.allclose(sample_features(known, points, image_index), expected, atol=1e-8)


def test_cells_read_of_one_point() -> None:
    # (2.5, 1.2) reads at (2.0, 0.7): columns 2 and 3, the latter with a weight of 0; rows 0 and 1.
    read = cells_read(torch.tensor([[[2.5, 1.2]]]), torch.tensor([1]), (2, 4, 5))
    assert read.nonzero().tolist() == [[1, 0, 2], [1, 0, 3], [1, 1, 2], [1, 1, 3]]


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@torch.no_grad()
def test_a_head_where_it_is_wanted(
    layout: torch.memory_format, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse, "CELLS_AT_ONCE", at_once)
    head = DenseHead(6, 8, 4).double()
    wanted = torch.rand(BATCH, HEIGHT, WIDTH) < 0.3
    expected = head(features()).where(wanted[:, None], 0)
    found = head_where(head, features(layout), wanted)
    assert torch.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", SCENES)
@torch.no_grad()
def test_few_cells_equal_the_whole_map(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    contours, image_index = SCENES[name]
    plain = GlobalDeformation(6, vertices=contours.shape[1], head_hidden=8, channels=5, hidden=7)
    plain = plain.double().eval()
    centers = contours.mean(dim=1).long().clamp(0, 9)
    expected = plain(features(), contours, centers, image_index)
    module = SparseGlobalDeformation(plain)
    assert list(module.state_dict()) == list(plain.state_dict())
    ways = counted(module.trans_feature, monkeypatch)
    for share in (1.0, -1.0):
        monkeypatch.setattr(sparse, "SPARSE_SHARE", share)
        found = module(features(), contours, centers, image_index)
        assert torch.allclose(found, expected, rtol=0, atol=1e-10)
    assert ways == ["sparse", "dense"]


@torch.no_grad()
def test_the_whole_map_for_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = GlobalDeformation(6, vertices=4, head_hidden=8, channels=5, hidden=7).double()
    module = SparseGlobalDeformation(plain)
    ways = counted(module.trans_feature, monkeypatch)
    contours, image_index = SCENES["inside"]
    module(features(), contours, contours[:, 0].long(), image_index)
    everywhere = torch.cartesian_prod(torch.arange(14.0), torch.arange(11.0)).double()
    contours = everywhere[:152].view(-1, 4, 2)
    module(features(), contours, torch.zeros(38, 2).long(), torch.arange(38) // 19)
    assert ways == ["sparse", "dense"]


@torch.no_grad()
def test_bfloat16_weights_under_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = GlobalDeformation(6, vertices=4, head_hidden=8, channels=5, hidden=7)
    contours, image_index = SCENES["inside"][0].float(), SCENES["inside"][1]
    exact = plain(features().float(), contours, contours[:, 0].long(), image_index)
    module = SparseGlobalDeformation(plain)
    ways = counted(module.trans_feature, monkeypatch)
    module.trans_feature.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = module(features().bfloat16(), contours, contours[:, 0].long(), image_index)
    assert ways == ["sparse"] and found.dtype == torch.float32
    assert torch.allclose(found, exact, atol=0.05)
