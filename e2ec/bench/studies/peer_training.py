"""What a user would take instead: ultralytics' smallest segmentation network, trained from random
weights on the same images for so many minutes, and its results for our evaluation.

    python -m e2ec.bench.studies.peer_training --root /data/nuclei --minutes 73 --out runs/yolo
    python test.py nuclei --data.root /data/nuclei --results runs/yolo/results-fit.json
    python test.py nuclei --data.root /data/nuclei --results runs/yolo/results-zoom.json

Expects the data as the preset nuclei does, and `pip install ultralytics` (AGPL-3.0; no part of this
project). Labels are written in its own format by `e2ec.convert`. Its own defaults count, except for
what the comparison needs: random weights, a limit of minutes, the size, the threads, no choice by
validation, up to 500 detections. The images that it validates on are four of those that it trains
on, and the last weights are taken: choosing on the images that are reported would flatter.

It shows whole images with their longer side brought to --size: nuclei of images of half that size
twice as large as they are, as the preset nuclei does, those of larger images less. Hence two
results: `fit` shows every image as training did, `zoom` all of them --zoom times as large.

Nothing is downloaded and nothing sent: it is told that there is no network.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco_mask

from dataset.formats.detect import format_named
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.convert.convert import convert_labels
from e2ec.convert.source import Source, open_source
from lib.errors import InputError
from lib.files import atomic_write_json

WATCHED = 4
"""Training images that it validates on when it ends; it does not go on without any."""
LOWEST_SCORE = 0.001
"""Of detections; what its own validation takes."""
MULTIPLE = 32
"""Sides that it takes are multiples of it."""


@dataclass(frozen=True)
class PeerOptions:
    """Train ultralytics' yolo11n-seg from random weights, and write its results."""

    root: Path
    """Folder of the data, as the preset nuclei expects it."""
    minutes: float
    """Of training, by the clock; what comes before the first batch is not counted."""
    out: Path = Path("runs/yolo")
    """Folder to write. Where it holds a finished training, only results are written."""
    model: str = "yolo11n-seg.yaml"
    """The network, by the name that ultralytics gives its description."""
    threads: int = 1
    """Of the processor."""
    size: int = 512
    """The longer side of images as training shows them."""
    zoom: float = 2.0
    """How much larger than it is every image is shown for the second results."""
    batch: int = 16
    """Images a step; its own default."""
    max_detections: int = 500
    """Of an image."""
    seed: int = 0
    """Of the random weights and the augmentation."""

    def __post_init__(self) -> None:
        for name in ("minutes", "threads", "zoom", "batch", "max_detections"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name.replace('_', '-')} must be positive")
        if self.size < MULTIPLE or self.size % MULTIPLE:
            raise ValueError(f"--size must be a multiple of {MULTIPLE}")
        if not self.model.endswith("-seg.yaml"):
            raise ValueError("--model: a description of a segmentation network, yolo11n-seg.yaml")


def import_peer(out: Path) -> Any:
    """The class `ultralytics.YOLO`, kept from the network and from settings of the user's own.

    Raises:
        InputError: it is not installed.
    """
    if importlib.util.find_spec("ultralytics") is None:
        raise InputError("this study needs ultralytics: pip install ultralytics")
    own = out.resolve() / "settings"
    own.mkdir(parents=True, exist_ok=True)
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_CONFIG_DIR"] = str(own)
    import matplotlib
    from ultralytics import YOLO, settings
    from ultralytics.utils import USER_CONFIG_DIR

    settings.update({"sync": False})
    # It fetches this font for pictures that are not drawn here, unless there is a file of the name.
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    shutil.copyfile(font, Path(USER_CONFIG_DIR) / "Arial.ttf")
    return YOLO


def labels(root: Path, split: str) -> Source:
    """The labels of `train` or `val` and their images.

    Raises:
        InputError: a file is missing or unusable.
    """
    path = root / f"instances_{split}.json"
    return open_source(path, format_named("coco"), split, root / "images")  # type: ignore[arg-type]


def write_labels(train: Source, folder: Path) -> Path:
    """The training labels in YOLO's format, a few of them as validation too; returns data.yaml."""
    if not (folder / "data.yaml").is_file():
        few = replace(train, index=train.index.subset(limit=WATCHED), names=train.names[:WATCHED])
        convert_labels({"train": train, "val": few}, "yolo", folder)
    return (folder / "data.yaml").resolve()


def train_peer(yolo: Any, options: PeerOptions) -> dict[str, float]:
    """Train for the minutes; returns those that it took, and the epochs that it ended in.

    Args:
        yolo: the class `YOLO`.
        options: the budget.
    """
    data = write_labels(labels(options.root, "train"), options.out / "data")
    model = yolo(options.model)
    times: list[float] = []

    def begin(_trainer: Any) -> None:
        torch.set_num_threads(options.threads)  # it has chosen a number of its own
        times.append(time.perf_counter())

    model.add_callback("on_train_start", begin)
    # Before the end there is a validation of a few images, which belongs to no training.
    model.add_callback("on_train_epoch_end", lambda _trainer: times.append(time.perf_counter()))
    model.train(
        data=str(data),
        pretrained=False,
        time=options.minutes / 60,
        imgsz=options.size,
        batch=options.batch,
        device="cpu",
        seed=options.seed,
        project=str(options.out.resolve()),
        name="training",
        exist_ok=True,
        val=False,
        patience=0,
        plots=False,
        amp=False,
    )
    return {"minutes": (times[-1] - times[0]) / 60, "epochs": len(times) - 1}


def input_side(height: int, width: int, zoom: float) -> int:
    """The longer side of the input that shows an image `zoom` times as large, or slightly more."""
    return math.ceil(max(height, width) * zoom / MULTIPLE) * MULTIPLE


def peer_results(
    model: Any, source: Source, options: PeerOptions, zoom: float | None
) -> Iterator[dict[str, Any]]:
    """COCO results (run lengths) of all images.

    Args:
        model: a trained `YOLO`.
        source: the images; the model's classes are the categories of its labels, in order.
        options: the size of training, and the limits.
        zoom: shows all images so much larger than they are; None as training did.
    """
    categories = list(source.index.categories)
    for position in range(len(source.index)):
        image = source.index.image(position)
        side = options.size if zoom is None else input_side(image.height, image.width, zoom)
        (found,) = model.predict(
            str(source.image_path(position)),
            imgsz=side,
            conf=LOWEST_SCORE,
            max_det=options.max_detections,
            retina_masks=True,  # masks of the image's own size
            device="cpu",
            save=False,
            verbose=False,
        )
        if found.masks is None:
            continue
        values = (found.boxes.cls, found.boxes.conf, found.masks.data)
        classes, scores, masks = (value.cpu().numpy() for value in values)
        for label, score, mask in zip(classes.tolist(), scores.tolist(), masks, strict=True):
            runs = coco_mask.encode(np.asfortranarray(mask > 0.5, dtype=np.uint8))
            yield {
                "image_id": image.id, "category_id": categories[int(label)], "score": score,
                "segmentation": {"size": runs["size"], "counts": runs["counts"].decode("ascii")},
            }  # fmt: skip


def run_study(yolo: Any, options: PeerOptions) -> list[str]:
    """Train unless that is done, write the results; returns the lines to print.

    Raises:
        InputError: data is missing, or the folder holds a training of another budget.
    """
    val = labels(options.root, "val")  # missing labels are found before the work
    done = options.out / "training.json"
    budget = {
        name: getattr(options, name)
        for name in ("model", "minutes", "threads", "size", "batch", "seed")
    }
    if not done.is_file():
        atomic_write_json(done, {"budget": budget, "took": train_peer(yolo, options)}, indent=1)
    said = json.loads(done.read_text())
    if said["budget"] != budget:
        raise InputError(f"{options.out}: was trained otherwise ({said['budget']}); other --out")
    lines = [f"trained {said['took']['minutes']:.1f} minutes, {said['took']['epochs']} epochs"]
    model = yolo(str(options.out / "training" / "weights" / "last.pt"))
    # It sets a number of threads where it chooses the processor, which is before this.
    model.add_callback("on_predict_start", lambda _: torch.set_num_threads(options.threads))
    for name, zoom in {"fit": None, "zoom": options.zoom}.items():
        path = options.out / f"results-{name}.json"
        results = list(peer_results(model, val, options, zoom))
        atomic_write_json(path, results)
        lines.append(f"{path}: {len(results)} detections on {len(val.index)} images")
    return lines


def main() -> int:
    """Train, predict, and say where the results are."""
    options = parse_options(PeerOptions, sys.argv[1:], "e2ec.bench.studies.peer_training")
    labels(options.root, "train")
    print("\n".join(run_study(import_peer(options.out), options)))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
