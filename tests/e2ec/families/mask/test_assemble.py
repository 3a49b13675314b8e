"""Detections as instances with masks, against torchvision's own last step."""

from __future__ import annotations

import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import numpy as np
import pycocotools.mask
import torch
from torchvision.models.detection.roi_heads import (
    paste_mask_in_image,
    paste_masks_in_image,
)
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from dataset.masks.run_lengths import decode_mask
from e2ec.families.family import ShownImage
from e2ec.families.mask import assemble as assembling
from e2ec.families.mask.assemble import assemble, pasted_runs
from e2ec.families.mask.card import MaskCard
from e2ec.results.contours import Contours
from network.mask.outputs import Detections
from network.mask.settings import MaskNetworkSettings
from network.sharp.settings import ClassifierSizes
from network.sharp.sharp_contour import SharpContour

CARD = MaskCard(
    architecture="resnet18",
    class_names=("cell", "car", "tree"),
    category_ids=(1, 3, 7),
    network=MaskNetworkSettings(backbone="resnet18"),
)


def blobs(count: int, generator: torch.Generator) -> torch.Tensor:
    """(count, 28, 28) smooth probabilities on both sides of 0.5."""
    coarse = torch.rand(count, 1, 5, 5, generator=generator)
    return torch.nn.functional.interpolate(coarse, (28, 28), mode="bicubic").clamp(0, 1)[:, 0]


def found_in(sizes: list[tuple[int, int]], count: int = 5) -> Detections:
    """Boxes all over the inputs, up to their edges."""
    generator = torch.Generator().manual_seed(0)
    boxes = []
    for height, width in sizes:
        ends = torch.rand(count, 2, 2, generator=generator) * 1.3 - 0.15
        low, high = ends.amin(1), ends.amax(1) + 0.1
        boxes.append(torch.stack([low, high], 1).clamp(0, 1) * torch.tensor([width, height]))
    n = count * len(sizes)
    return Detections(
        image_index=torch.arange(len(sizes)).repeat_interleave(count),
        boxes=torch.cat(boxes).reshape(n, 4),
        classes=torch.arange(n) % 3,
        scores=torch.rand(n, generator=generator),
        masks=blobs(n, generator),
    )


def shown_as(size: tuple[int, int], original: tuple[int, int]) -> ShownImage:
    """An image resized to `size`, as torchvision resizes: each side by its own factor."""
    matrix = np.array([[size[1] / original[1], 0, 0], [0, size[0] / original[0], 0]])
    return ShownImage(original, matrix, "a.png")


def test_masks_are_those_of_torchvisions_last_step() -> None:
    sizes, originals = [(64, 90), (60, 96)], [(83, 117), (31, 49)]
    output = found_in(sizes)
    theirs = GeneralizedRCNNTransform(64, 96, [0.0] * 3, [1.0] * 3).eval().postprocess(
        [
            {"boxes": output.boxes[mine], "masks": output.masks[mine, None]}
            for mine in (output.image_index == 0, output.image_index == 1)
        ],
        sizes,
        originals,
    )  # fmt: skip
    shown = [shown_as(*pair) for pair in zip(sizes, originals, strict=True)]
    results = assemble(output, shown, CARD, ("mask",))
    for i, (result, their) in enumerate(zip(results, theirs, strict=True)):
        contours, mine = result["mask"], output.image_index == i
        assert (contours.height, contours.width) == originals[i]
        assert contours.labels.tolist() == output.classes[mine].tolist()
        np.testing.assert_allclose(contours.scores, output.scores[mine])
        expected = (their["masks"][:, 0] >= 0.5).numpy()
        assert expected.any(axis=(1, 2)).all() and not expected.all(axis=(1, 2)).any()
        assert np.array_equal(contours.to_masks().astype(bool), expected)


def test_masks_that_touch_every_edge() -> None:
    """Full columns, the first and the last pixel: run lengths in their shortest form."""
    masks = torch.ones(3, 28, 28)
    boxes = torch.tensor([[0.0, 0, 30, 20], [0, 0, 12, 20], [18, 5, 30, 20]])
    expected = paste_masks_in_image(masks[:, None], boxes, (20, 30))[:, 0] >= 0.5
    for runs, mask in zip(pasted_runs(masks, boxes, (20, 30)), expected.numpy(), strict=True):
        assert runs is not None and (runs[1:] > 0).all() and runs.sum() == 600
        assert np.array_equal(decode_mask(runs, 20, 30), mask)


def test_masks_without_a_pixel_are_left_out() -> None:
    output = found_in([(64, 96)], 3)
    output.masks[1] = 0.4
    (result,) = assemble(output, [shown_as((64, 96), (64, 96))], CARD, ("mask",))
    assert result["mask"].labels.tolist() == [0, 2]
    assert next(pasted_runs(output.masks[:1], torch.tensor([[70.0, 3, 80, 9]]), (20, 60))) is None


def test_images_without_detections() -> None:
    output = found_in([(64, 96)], 2)
    shown = [shown_as((64, 96), (64, 96))] * 3
    results = assemble(output, shown, CARD, ("mask",))
    assert [len(result["mask"]) for result in results] == [2, 0, 0]
    none = found_in([(64, 96)], 0)
    assert len(assemble(none, shown[:1], CARD, ("mask",))[0]["mask"]) == 0


def test_memory_is_that_of_one_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """400 small masks in an image of 4 megapixels: dense, they would be 6.4 GB."""
    drawn = []

    def draw(mask: torch.Tensor, box: torch.Tensor, height: int, width: int) -> torch.Tensor:
        drawn.append(height * width)
        return paste_mask_in_image(mask, box, height, width)

    monkeypatch.setattr(assembling, "paste_mask_in_image", draw)
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(400, 2, generator=generator) * 1900
    boxes = torch.cat([low, low + 40], dim=1)
    count = sum(r is not None for r in pasted_runs(blobs(400, generator), boxes, (2000, 2000)))
    assert count > 300 and len(drawn) == 400 and max(drawn) <= 45**2


def test_sharp_outlines_are_the_masks_refined() -> None:
    torch.manual_seed(0)
    sizes = ClassifierSizes(fine_channels=4, hidden=4, grid=3, controller=8)
    sharp = SharpContour(8, stride=4, sizes=sizes).eval()
    plain = found_in([(64, 96), (64, 96)], 2)
    features = 3 * torch.randn(2, 8, 16, 24)
    output = Detections(
        plain.image_index,
        plain.boxes,
        plain.classes,
        plain.scores,
        plain.masks,
        features=features,
        sharp=sharp,
    )
    shown = [shown_as((64, 96), (128, 192))] * 2
    with torch.no_grad():
        results = assemble(output, shown, CARD, ("mask", "sharp"))
        swapped = assemble(
            Detections(**{**vars(output), "features": features.flip(0)}), shown, CARD, ("sharp",)
        )
    for result, other in zip(results, swapped, strict=True):
        before, after = result["mask"].to_masks(), result["sharp"].to_masks()
        assert before.shape == after.shape == (2, 128, 192)
        assert (before != after).any()
        # Every image is looked up in its own map.
        assert (after != other["sharp"].to_masks()).any()


def test_a_mask_with_a_hole_and_two_parts_leaves_by_every_format() -> None:
    """Exact as COCO's run lengths; traced to parts with holes where a format wants polygons."""
    masks = torch.zeros(1, 28, 28)
    masks[0, 2:20, 2:20] = 1
    masks[0, 8:14, 8:14] = 0
    masks[0, 22:26, 22:26] = 1
    output = Detections(
        image_index=torch.zeros(1, dtype=torch.int64),
        boxes=torch.tensor([[4.0, 4.0, 60.0, 60.0]]),
        classes=torch.tensor([1]),
        scores=torch.tensor([0.9]),
        masks=masks,
    )
    (found,) = assemble(output, [shown_as((64, 64), (64, 64))], CARD, ("mask",))
    contours = found["mask"]
    mask = contours.to_masks()[0]
    (shape,) = contours.to_shapely()
    parts = sorted(shape.geoms, key=lambda part: -part.area)
    assert [len(part.interiors) for part in parts] == [1, 0]
    (by_runs,) = contours.to_coco(5, segmentation="rle")
    assert np.array_equal(pycocotools.mask.decode(by_runs["segmentation"]), mask)
    (by_polygons,) = contours.to_coco(5, segmentation="polygon")
    assert len(by_polygons["segmentation"]) == 2 and by_polygons["category_id"] == 3
    (feature,) = contours.to_geojson()["features"]
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert [len(part) for part in feature["geometry"]["coordinates"]] == [2, 1]
    assert [one["shape_type"] for one in contours.to_labelme()["shapes"]] == ["mask"]
    again = Contours.from_json(contours.to_json())
    assert np.array_equal(again.to_masks()[0], mask)
