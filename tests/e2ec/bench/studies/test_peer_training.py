"""The training of a peer: labels in its format, a budget that is kept apart, results that score."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
import torch
import yaml

from e2ec.bench.studies import peer_training
from e2ec.bench.studies.peer_training import PeerOptions, import_peer, input_side, run_study
from e2ec.metrics.coco import evaluate_coco
from lib.errors import InputError

HEIGHT, WIDTH = 40, 60
BOXES = {"a": (5, 10, 25, 30), "b": (20, 5, 50, 35), "c": (1, 1, 11, 9), "d": (30, 0, 60, 40)}
"""x0, y0, x1, y1 of the one object of every image."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two training images and two to be reported, an object of category 7 each."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    for split, names in {"train": "ab", "val": "cd"}.items():
        document: dict[str, Any] = {"categories": [{"id": 7, "name": "nucleus"}]}
        document["images"], document["annotations"] = [], []
        for number, name in enumerate(names, 11):
            cv2.imwrite(str(folder / "images" / f"{name}.png"), np.zeros((HEIGHT, WIDTH, 3)))
            x0, y0, x1, y1 = BOXES[name]
            image = {"id": number, "file_name": f"{name}.png", "height": HEIGHT, "width": WIDTH}
            document["images"].append(image)
            document["annotations"].append(
                {
                    "id": number, "image_id": number, "category_id": 7, "iscrowd": 0,
                    "area": (x1 - x0) * (y1 - y0), "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
                }
            )  # fmt: skip
        (folder / f"instances_{split}.json").write_text(json.dumps(document))
    return folder


class StandIn:
    """Takes the place of `ultralytics.YOLO`: three epochs of nothing, and the labels as results."""

    made: ClassVar[list[str]] = []
    trained: ClassVar[list[dict[str, Any]]] = []
    sides: ClassVar[list[int]] = []

    def __init__(self, model: str) -> None:
        self.made.append(model)
        self.callbacks: dict[str, Any] = {}

    def add_callback(self, event: str, function: Any) -> None:
        self.callbacks[event] = function

    def train(self, **asked: Any) -> None:
        self.trained.append(asked)
        self.data = Path(asked["data"])
        torch.set_num_threads(2)  # as it does
        self.callbacks["on_train_start"](self)
        assert torch.get_num_threads() == 1
        for _ in range(3):
            self.callbacks["on_train_epoch_end"](self)

    def predict(self, source: str, **asked: Any) -> list[Any]:
        self.sides.append(asked["imgsz"])
        assert Path(source).is_file() and asked["retina_masks"] and asked["max_det"] == 500
        if Path(source).stem == "c":
            return [SimpleNamespace(masks=None, boxes=None)]
        masks = torch.zeros(1, HEIGHT, WIDTH)
        x0, y0, x1, y1 = BOXES[Path(source).stem]
        masks[0, y0:y1, x0:x1] = 1
        boxes = SimpleNamespace(cls=torch.zeros(1), conf=torch.tensor([0.75]))
        return [SimpleNamespace(boxes=boxes, masks=SimpleNamespace(data=masks))]


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    threads = torch.get_num_threads()
    StandIn.made, StandIn.trained, StandIn.sides = [], [], []
    yield
    torch.set_num_threads(threads)


def test_it_learns_from_the_training_images_alone_and_from_random_weights(root: Path) -> None:
    options = PeerOptions(root, minutes=30, out=root.parent / "out", size=64)
    lines = run_study(StandIn, options)
    (asked,) = StandIn.trained
    assert StandIn.made[0] == "yolo11n-seg.yaml" and asked["pretrained"] is False
    assert asked["time"] == 0.5 and asked["imgsz"] == 64 and not asked["val"] and not asked["amp"]
    data = Path(asked["data"])
    split = yaml.safe_load(data.read_text())
    for part in ("train", "val"):
        images = sorted(path.stem for path in (data.parent / split[part]).iterdir())
        assert images == ["a", "b"]
    x0, y0, x1, y1 = BOXES["b"]
    label = (data.parent / "labels" / "train" / "b.txt").read_text().split()
    corners = np.array(label[1:], float).reshape(-1, 2) * (WIDTH, HEIGHT)
    assert label[0] == "0"
    assert np.allclose(corners.min(axis=0), (x0, y0)) and np.allclose(corners.max(axis=0), (x1, y1))
    assert lines[0].endswith("3 epochs")


def test_results_are_those_of_the_labels(root: Path) -> None:
    """Of two images one is found exactly and one not at all: half of the recall."""
    options = PeerOptions(root, minutes=1, out=root.parent / "out", size=64)
    run_study(StandIn, options)
    assert StandIn.made[1] == str(options.out / "training" / "weights" / "last.pt")
    assert StandIn.sides == [64, 64, 128, 128]  # as in training, then twice 60 pixels
    truth = json.loads((root / "instances_val.json").read_text())
    for name in ("fit", "zoom"):
        results = json.loads((options.out / f"results-{name}.json").read_text())
        assert [(r["image_id"], r["category_id"], r["score"]) for r in results] == [(12, 7, 0.75)]
        metrics = evaluate_coco(truth, results, iou_types=("segm",))
        assert metrics["segm/AR"] == pytest.approx(0.5)


def test_a_training_is_done_once_and_counts_for_its_own_budget(root: Path) -> None:
    options = PeerOptions(root, minutes=1, out=root.parent / "out", size=64)
    run_study(StandIn, options)
    run_study(StandIn, replace(options, zoom=3.0))
    assert len(StandIn.trained) == 1 and StandIn.sides[-1] == 192
    with pytest.raises(InputError, match="trained otherwise"):
        run_study(StandIn, replace(options, minutes=2))


def test_sides_are_whole_multiples_and_never_smaller() -> None:
    assert input_side(256, 256, 2.0) == 512
    assert input_side(520, 696, 2.0) == 1408  # 1392 is 43.5 times 32
    assert input_side(10, 20, 1.0) == 32


def test_without_the_package_there_is_one_line(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(peer_training.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install ultralytics"):
        import_peer(tmp_path)


def test_options(tmp_path: Path) -> None:
    for wrong in ({"minutes": 0}, {"size": 500}, {"threads": 0}, {"model": "yolo11n.yaml"}):
        with pytest.raises(ValueError, match=f"--{next(iter(wrong))}"):
            PeerOptions(tmp_path, **{"minutes": 1, **wrong})  # type: ignore[arg-type]
