"""Prediction: what comes in, and that contours come back in pixels of the original image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from random_networks import random_network
from tiny_run import tiny
from torch import Tensor, nn

from dataset.transforms.test_transform import TestView
from e2ec.app.commands.demo_options import DemoOptions
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.evaluate.evaluator import predict_dataset
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.families.contour.card import ContourCard
from e2ec.families.preprocess import MEAN_BGR, STD_BGR, normalize
from e2ec.results.contours import Contours
from lib.errors import InputError
from network.contour.architecture import NANO
from network.contour.contour_network import NetworkOutput
from network.contour.e2ec import build_network
from network.inference.prepare import for_prediction

CLASSES = {"class_names": ("cell", "rod"), "category_ids": (3, 8)}
STAGES = ("init", "coarse", "refine1", "refine2", "refine3")
SQUARE = torch.tensor([[10.0, 20.0], [30.0, 20.0], [30.0, 40.0], [10.0, 40.0]])


class FixedNetwork(nn.Module):
    """Finds the same contours in every image; stage k is moved by k pixels in x."""

    def __init__(self, squares: list[Tensor], scores: list[float], classes: list[int]) -> None:
        super().__init__()
        self.register_parameter("dtype", nn.Parameter(torch.zeros(1)))
        self.squares, self.scores, self.classes = squares, scores, classes
        self.votes: list[list[float]] | None = None
        self.seen: list[Tensor] = []
        self.arguments: dict[str, float] = {}
        self.stage_names, self.judging = STAGES, None

    def forward(self, images: Tensor, **arguments: float) -> NetworkOutput:
        self.seen.append(images)
        self.arguments = arguments
        count = len(images)
        squares = torch.stack(self.squares).repeat(count, 1, 1)
        return NetworkOutput(
            heatmap=torch.zeros(count, 2, 1, 1),
            image_index=torch.arange(count).repeat_interleave(len(self.scores)),
            classes=torch.tensor(self.classes).repeat(count),
            scores=torch.tensor(self.scores).repeat(count),
            centers=torch.zeros(len(squares), 2, dtype=torch.int64),
            stages={name: squares + torch.tensor([float(k), 0.0]) for k, name in enumerate(STAGES)},
            object_centers=None if self.votes is None else torch.tensor(self.votes * count),
        )


@pytest.fixture(autouse=True)
def no_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is none has nothing to prepare."""

    def prepare(network: nn.Module, *rest: object) -> nn.Module:
        return network if isinstance(network, FixedNetwork) else for_prediction(network, *rest)

    monkeypatch.setattr("e2ec.families.contour.family.for_prediction", prepare)


def fixed(view: TestView, **card: object) -> Predictor:
    network = FixedNetwork([SQUARE], [0.75], [1])
    return Predictor(network, ContourCard("nano", **CLASSES, stage="init", view=view, **card))


@pytest.fixture(scope="module")
def random() -> Predictor:
    card = ContourCard("nano", **CLASSES, view=TestView("canvas"), max_detections=20)
    return Predictor(random_network(num_classes=2).double(), card)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def same(first: Contours, second: Contours) -> bool:
    return (
        (first.height, first.width) == (second.height, second.width)
        and len(first) == len(second)
        and np.array_equal(first.labels, second.labels)
        and np.allclose(first.scores, second.scores, atol=1e-6)
        and all(
            np.allclose(a, b, atol=1e-6)
            for left, right in zip(first.parts, second.parts, strict=True)
            for a, b in zip(left, right, strict=True)
        )
    )


def test_coordinates_at_twice_the_size() -> None:
    """A 32 x 32 image fills a 64 x 64 input: every coordinate is halved."""
    found = fixed(TestView("pad", zoom=2.0)).predict(picture(32, 32))
    assert found.parts[0][0].tolist() == [[5, 10], [15, 10], [15, 20], [5, 20]]
    assert (found.height, found.width) == (32, 32)
    assert found.labels.tolist() == [1] and found.scores.tolist() == [0.75]
    assert found.class_names == ("cell", "rod") and found.category_ids == (3, 8)


def test_coordinates_of_a_canvas_that_is_rounded_up() -> None:
    """20 x 30 pixels, zoomed twice, need 64 x 64: x by 64/30, y around the middle as well, from
    10 pixels of (64 - 42.7) / 2 on."""
    found = fixed(TestView("canvas", zoom=2.0)).predict(picture(20, 30))
    factor = 64 / 30
    expected = (SQUARE.double().numpy() - [0, 10]) / factor
    assert np.allclose(found.parts[0][0], expected)


def test_coordinates_of_a_letterbox() -> None:
    """A 16 x 32 image is doubled into 64 x 64; 16 rows of the input above it are black."""
    predictor = fixed(TestView("letterbox", size=(64, 64)))
    found = predictor.predict(np.full((16, 32, 3), 255, np.uint8))
    assert found.parts[0][0].tolist() == [[5, 2], [15, 2], [15, 12], [5, 12]]
    shown = predictor.network.seen[0]
    white = (1 - torch.tensor(MEAN_BGR)) / torch.tensor(STD_BGR)
    assert torch.allclose(shown[0, :, 32, 32], white, atol=1e-5)
    assert torch.allclose(shown[0, :, 8, 32], -torch.tensor(MEAN_BGR) / torch.tensor(STD_BGR))


def test_colours_go_in_as_blue_green_red() -> None:
    images = torch.tensor([255, 0, 51], dtype=torch.uint8).view(1, 3, 1, 1)  # R, G, B
    values = normalize(images).view(3)
    expected = (torch.tensor([0.2, 0.0, 1.0]) - torch.tensor(MEAN_BGR)) / torch.tensor(STD_BGR)
    assert torch.allclose(values, expected)


def test_a_stage_is_chosen_by_name() -> None:
    predictor = fixed(TestView("pad"))
    places = {name: k for k, name in enumerate(STAGES)} | {"final": 3, "final-dml": 4, None: 0}
    for stage, k in places.items():
        found = predictor.predict(picture(32, 32), stage=stage)
        assert found.parts[0][0][0].tolist() == [10 + k, 20]


def test_one_default_score_for_looking_at_results() -> None:
    """0.3 in Python as in `demo.py`, whatever the weights say for evaluation."""
    predictor = fixed(TestView("canvas"), score_threshold=0.25, max_detections=7)
    predictor.predict(picture(32, 32))
    expected = {"score_threshold": 0.3, "max_detections": 7, "depth": 1}
    assert predictor.network.arguments == expected
    assert DemoOptions().score == 0.3
    predictor.predict(picture(32, 32), score_threshold=0.0)
    assert predictor.network.arguments["score_threshold"] == 0.0


@pytest.mark.parametrize(
    ("asked", "depth"),
    [(["init"], 1), (["coarse", "init"], 2), (["final"], 4), (["final-dml", "init"], 5), (None, 5)],
)
def test_the_network_goes_no_further_than_the_last_stage_asked_for(
    asked: list[str] | None, depth: int
) -> None:
    predictor = fixed(TestView("canvas"))
    predictor.predict_stages([picture(32, 32)], stages=asked)
    assert predictor.network.arguments["depth"] == depth


def test_evaluation_takes_the_threshold_of_the_weights() -> None:
    predictor = fixed(TestView("canvas"), score_threshold=0.04)
    dataset = build_dataset(tiny(Path("runs")), "val")
    predict_dataset(predictor, dataset, stages=["final"])
    assert predictor.network.arguments["score_threshold"] == 0.04


def test_boxes_that_overlap_are_suppressed_class_by_class() -> None:
    """The second square overlaps the first with an IoU of 1/3 and is of the same class."""
    squares = [SQUARE, SQUARE + torch.tensor([10.0, 0.0]), SQUARE]
    network = FixedNetwork(squares, [0.9, 0.8, 0.7], [0, 0, 1])
    for nms_iou, kept in ((0.3, [0.9, 0.7]), (0.4, [0.9, 0.8, 0.7]), (1.0, [0.9, 0.8, 0.7])):
        card = ContourCard("nano", **CLASSES, view=TestView("canvas"), nms_iou=nms_iou)
        found = Predictor(network, card).predict(picture(64, 64))
        assert found.scores.tolist() == pytest.approx(kept)


@pytest.mark.parametrize("zoom", [1.0, 2.0])
def test_parts_that_vote_for_one_centre_become_one_instance(zoom: float) -> None:
    """Two squares vote for the point between them, (32, 30) in input pixels, 8 and 7.5 in cells; a
    third for its own centre. The instance has the better score."""
    squares = [SQUARE + torch.tensor([x, 0.0]) for x in (0.0, 24.0, 50.0)]
    network = FixedNetwork(squares, [0.6, 0.9, 0.7], [0, 0, 0])
    network.votes = [[8.1, 7.5], [7.9, 7.5], [17.5, 7.5]]
    card = ContourCard("nano", **CLASSES, stage="init", view=TestView("pad", zoom=zoom))
    side = round(96 / zoom)
    found = Predictor(network, card).predict(picture(side, side))
    assert found.scores.tolist() == pytest.approx([0.9, 0.7])
    expected = [[squares[1], squares[0]], [squares[2]]]
    for parts, mine in zip(found.parts, expected, strict=True):
        assert np.allclose(np.stack(parts), np.stack([p.numpy() / zoom for p in mine]))
    alone = Predictor(network, replace(card, group_parts=False)).predict(picture(side, side))
    assert alone.scores.tolist() == pytest.approx([0.9, 0.7, 0.6])


def test_doubles_go_before_parts_are_grouped() -> None:
    """The double of the first part, of a lower score, would overlap the object of both parts by
    less than the threshold."""
    squares = [SQUARE, SQUARE + torch.tensor([24.0, 0.0]), SQUARE + torch.tensor([1.0, 0.0])]
    network = FixedNetwork(squares, [0.9, 0.8, 0.7], [0, 0, 0])
    network.votes = [[8.0, 7.5]] * 3
    card = ContourCard("nano", **CLASSES, view=TestView("canvas"), nms_iou=0.7)
    found = Predictor(network, card).predict(picture(64, 64))
    assert [len(parts) for parts in found.parts] == [2]


@pytest.mark.parametrize("votes", [None, torch.zeros(0, 2)], ids=["plain", "votes"])
@pytest.mark.parametrize("nms_iou", [0.5, 1.0])
def test_no_instances(nms_iou: float, votes: Tensor | None) -> None:
    network = FixedNetwork([SQUARE], [0.5], [0])
    network.forward = lambda images, **_: NetworkOutput(
        torch.zeros(1, 2, 1, 1), *(torch.zeros(0, dtype=torch.int64),) * 2, torch.zeros(0),
        torch.zeros(0, 2, dtype=torch.int64), dict.fromkeys(STAGES, torch.zeros(0, 4, 2)), votes,
    )  # fmt: skip
    predictor = Predictor(network, ContourCard("nano", **CLASSES, nms_iou=nms_iou))
    found = predictor.predict(picture(32, 40))
    assert len(found) == 0 and (found.height, found.width) == (32, 40)


def test_a_list_equals_its_images_one_by_one(random: Predictor) -> None:
    """Images of one size go through the network together, others by themselves; in order."""
    images = [picture(64, 64, 1), picture(64, 64, 2), picture(40, 70, 3), picture(64, 64, 4)]
    together = random.predict(images, score_threshold=0.05)
    assert isinstance(together, list) and all(len(found) > 0 for found in together)
    for image, found in zip(images, together, strict=True):
        assert same(found, random.predict(image, score_threshold=0.05))
    assert random.predict([]) == []


def test_long_lists_are_worked_through_in_batches() -> None:
    predictor = fixed(TestView("canvas"))
    assert len(predictor.predict([picture(32, 32)] * 7, batch_size=3)) == 7
    assert [len(images) for images in predictor.network.seen] == [3, 3, 1]


def test_a_path_gives_what_its_pixels_give(random: Predictor, tmp_path: Path) -> None:
    image = picture(48, 64)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), image[..., ::-1])
    from_array = random.predict(image, source="array")
    for given in (path, str(path)):
        found = random.predict(given)
        assert same(found, from_array)
        assert found.source == str(path)
    assert from_array.source == "array"
    assert [found.source for found in random.predict([image, path], source="x")] == ["x", str(path)]


@pytest.mark.parametrize(
    "convert",
    [
        lambda grey: grey[..., None],
        lambda grey: grey.astype(np.uint16) * 257,
        lambda grey: np.dstack([grey] * 3)[::1, ::-1][:, ::-1],
        lambda grey: np.asfortranarray(np.dstack([grey] * 3)),
    ],
    ids=["one channel", "16 bit", "negative strides", "column-major"],
)
def test_arrays_as_people_have_them(random: Predictor, convert: object) -> None:
    grey = picture(32, 64)[..., 0]
    grey[0, :2] = 0, 255  # so that stretching 16 bit to 8 changes nothing
    assert same(random.predict(convert(grey)), random.predict(np.dstack([grey] * 3)))


def test_files_that_are_no_images(random: Predictor, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.png"):
        random.predict(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(InputError, match=r"text\.png"):
        random.predict([picture(32, 32), tmp_path / "text.png"])


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (50, 2)])
def test_tiny_images(random: Predictor, size: tuple[int, int]) -> None:
    found = random.predict(picture(*size))
    assert (found.height, found.width) == size


def test_prediction_works_on_a_copy() -> None:
    """In validation the network is in training: neither its weights nor its mode may change."""
    network = build_network(num_classes=2, architecture=NANO, vertices=16).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    Predictor(network, ContourCard("nano", **CLASSES)).predict(picture(32, 32))
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_predictor_is_shown_in_one_short_line() -> None:
    assert repr(fixed(TestView("letterbox", size=(64, 96), zoom=1.5))) == (
        "Predictor(nano; 2 classes: cell, rod; view letterbox 64 x 96, zoom 1.5; stage init; "
        "on cpu)"
    )
    names = tuple("n\n" * 999 + str(i) for i in range(999))
    many = replace(fixed(TestView()).card, class_names=names, category_ids=tuple(range(999)))
    text = repr(Predictor(FixedNetwork([SQUARE], [0.75], [1]), many))
    assert text.isprintable() and len(text) < 350 and "999 classes" in text


def test_a_view_of_ones_own(tmp_path: Path) -> None:
    model = load_model(device="cpu", view=TestView("pad", zoom=0.5))
    own = load_model(device="cpu").card
    assert model.card == replace(own, view=TestView("pad", zoom=0.5)) != own
    with pytest.raises(ValueError, match="zoom"):
        load_model(device="cpu", view=TestView("pad", zoom=1000.0))
