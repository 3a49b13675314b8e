"""Images seen in several views: the maps back are exact, and what they give is one result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from random_networks import random_network
from torch import Tensor, nn

from dataset.transforms.test_transform import TestView, restore_points
from e2ec.app.commands.command_line import parse_evaluation
from e2ec.app.commands.evaluate import evaluate_split
from e2ec.config import EvalConfig
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.predict.views import OneView, Views, checked_views
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.family import CONTOUR
from e2ec.families.refiner.family import REFINER
from lib.errors import InputError
from network.contour.contour_network import NetworkOutput

CARD = ContourCard(
    architecture="nano",
    class_names=("cell",),
    category_ids=(1,),
    view=TestView("pad"),
    stage="coarse",
    score_threshold=0.05,
)
ALL = Views("both", (1.0, 2.0))


class BrightestBlocks(nn.Module):
    """Finds white rectangles of the input exactly: `init` as they are, `coarse` 2 pixels larger.

    Whatever is shown, vertex 0 is the one in the middle of the lower side, and contours are walked
    counter-clockwise as seen on screen, as a network's are.
    """

    stage_names, judging = ("init", "coarse"), None

    def __init__(self) -> None:
        super().__init__()
        self.register_parameter("dtype", nn.Parameter(torch.zeros(1)))

    def forward(self, images: Tensor, **_: Any) -> NetworkOutput:
        boxes, index = [], []
        for i, image in enumerate(images.mean(dim=1).numpy()):
            white = (image > (image.min() + image.max()) / 2).astype(np.uint8)
            for x, y, w, h, _ in cv2.connectedComponentsWithStats(white)[2][1:]:
                boxes.append((x, y, x + w, y + h))
                index.append(i)
        count = len(boxes)
        return NetworkOutput(
            heatmap=torch.zeros(len(images), 1, 1, 1),
            image_index=torch.tensor(index, dtype=torch.int64),
            classes=torch.zeros(count, dtype=torch.int64),
            scores=torch.full((count,), 0.8),
            centers=torch.zeros(count, 2, dtype=torch.int64),
            stages={
                "init": torch.tensor([ring(*box, 0.0) for box in boxes]).view(-1, 8, 2),
                "coarse": torch.tensor([ring(*box, 2.0) for box in boxes]).view(-1, 8, 2),
            },
        )


def ring(x0: float, y0: float, x1: float, y1: float, more: float) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = x0 - more, y0 - more, x1 + more, y1 + more
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return [(x, y1), (x1, y1), (x1, y), (x1, y0), (x, y0), (x0, y0), (x0, y), (x0, y1)]


def white_on_black() -> np.ndarray:
    """(70, 96, 3), two rectangles; the sides are no multiples of 32."""
    image = np.zeros((70, 96, 3), np.uint8)
    image[10:30, 8:40] = 255
    image[44:60, 50:90] = 255
    return image


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> Predictor:
    monkeypatch.setattr("e2ec.families.contour.family.for_prediction", lambda network, *_: network)
    return Predictor(BrightestBlocks(), CARD)


@pytest.mark.parametrize("mode", ["pad", "canvas", "letterbox"])
@pytest.mark.parametrize("warp", ["exact", "published"])
def test_points_of_every_view_come_back_to_where_they_were(mode: Any, warp: Any) -> None:
    """A pixel that is seen at some place of the input is brought back to the pixel that it was."""
    view = TestView(mode, (64, 96), warp=warp)
    width, height = 96, 70
    corners = np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height], [7.5, 21.25]])
    image = np.zeros((height, width, 3), np.uint8)
    for one in ALL:
        shown, matrix = one.show(image, view, None)
        plain, own = TestView(mode, (64, 96), zoom=one.scale, warp=warp).apply(image)
        assert shown.shape == plain.shape
        mirrored = corners.copy()
        if one.mirror_x:
            mirrored[:, 0] = width - mirrored[:, 0]
        if one.mirror_y:
            mirrored[:, 1] = height - mirrored[:, 1]
        seen = mirrored @ own[:, :2].T + own[:, 2]
        assert np.allclose(restore_points(seen, matrix), corners, atol=1e-9)


def test_a_network_that_follows_mirrors_says_the_same_in_all_views(predictor: Predictor) -> None:
    """Stage by stage, vertex by vertex, scores too: contours that a mirror turned turn back."""
    image = white_on_black()
    expected = predictor.predict_stages([image])[0]
    assert len(expected["init"]) == 2 and predictor.views.plain
    for flips in ("horizontal", "vertical", "both"):
        predictor.views = Views(flips)
        found = predictor.predict_stages([image, image])
        assert len(found) == 2
        for stage, contours in found[1].items():
            assert contours.scores == pytest.approx(expected[stage].scores)
            for mine, other in zip(contours.parts, expected[stage].parts, strict=True):
                assert np.allclose(mine[0], other[0], atol=1e-6), (flips, stage)


def test_a_mirrored_view_turns_contours_round(predictor: Predictor) -> None:
    """Without it vertices that face each other would be averaged: nothing would be left."""
    contours = predictor.predict(white_on_black(), stage="init")
    turned = OneView(mirror_x=True).restore(contours)
    for mine, other in zip(turned.parts, contours.parts, strict=True):
        assert np.array_equal(mine[0][0], other[0][0])
        assert np.array_equal(mine[0][1:], other[0][:0:-1])
    for view in (OneView(), OneView(mirror_x=True, mirror_y=True)):
        assert view.restore(contours) is contours


def test_sizes_are_merged(predictor: Predictor) -> None:
    """At twice the size `coarse` is 2 input pixels larger, 1 of the image: 1.5 in the mean."""
    image = white_on_black()
    plain = predictor.predict(image, stage="init").boxes()
    predictor.views = Views(scales=(1.0, 2.0))
    outer = plain + np.array([-1.5, -1.5, 1.5, 1.5])
    assert np.allclose(predictor.predict(image, stage="coarse").boxes(), outer, atol=0.01)


def test_what_few_views_see_falls_below_the_threshold(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.8 in one view of two is 0.4."""
    image = white_on_black()
    predictor.views = Views("horizontal")
    show = OneView.show

    def blind(self: OneView, image: np.ndarray, *rest: Any) -> Any:
        if self.mirror_x:
            image = image.copy()
            image[44:60] = 0
        return show(self, image, *rest)

    monkeypatch.setattr(OneView, "show", blind)
    for threshold, expected in ((0.39, [0.8, 0.4]), (0.41, [0.8])):
        found = predictor.predict(image, score_threshold=threshold)
        assert found.scores == pytest.approx(expected)


def test_one_view_is_the_prediction_without_views() -> None:
    """To the last bit, with a network."""
    network = random_network(num_classes=1).eval()
    image = np.random.default_rng(0).integers(0, 256, (50, 64, 3), np.uint8)
    plain, viewed = (Predictor(network, CARD) for _ in range(2))
    viewed.views = Views("none", (1.0,))
    expected, found = (one.predict(image, score_threshold=0.0) for one in (plain, viewed))
    assert len(expected) > 0 and np.array_equal(expected.scores, found.scores)
    for mine, other in zip(found.parts, expected.parts, strict=True):
        assert np.array_equal(mine[0], other[0])


def test_settings_are_checked() -> None:
    assert len(list(ALL)) == 8 and len(list(Views())) == 1
    for wrong in ({"scales": ()}, {"scales": (0.0,)}, {"scales": (1.0, 1.0)}, {"flips": "all"}):
        for kind in (Views, EvalConfig):
            with pytest.raises(ValueError, match=r"scales|flips"):
                kind(**wrong)


def test_families_that_cannot_merge_refuse() -> None:
    assert checked_views(ALL, CONTOUR) == ALL
    with pytest.raises(InputError, match="refiner cannot be tested in several views"):
        checked_views(ALL, REFINER)


def test_the_front_door_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`test.py` gives other numbers than without, and writes the settings down."""
    monkeypatch.chdir(tmp_path)
    save_weights(tmp_path / "w.safetensors", random_network().eval(), _card_of_three())
    arguments = ["synthetic", "--weights", "w.safetensors", "--out", "out", "--device", "cpu"]
    arguments += ["--data.synthetic-val", "1", "--stage", "init", "--eval.no-all-stages"]
    evaluate_split(*parse_evaluation([*arguments, "--eval.flips", "both", "--eval.scales", "1"]))
    merged = Path("out/results.json").read_bytes()
    assert '"flips": "both"' in Path("out/config.json").read_text()
    evaluate_split(*parse_evaluation(arguments))
    assert merged != Path("out/results.json").read_bytes()


def _card_of_three() -> ContourCard:
    return ContourCard(architecture="nano", class_names=tuple("abc"), category_ids=(1, 2, 3))
