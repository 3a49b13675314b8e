"""Small data sets with COCO results of all forms, and weights that refine them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask
from random_networks import random_network

from dataset.masks.run_lengths import encode_mask
from dataset.transforms.test_transform import TestView
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.contour.card import ContourCard

HEIGHT, WIDTH = 48, 64


@dataclass(frozen=True)
class Case:
    """Files of a call of the command."""

    folder: Path
    entries: list[dict[str, Any]]

    def arguments(self, **changes: object) -> list[str]:
        """The words of the command; `changes` replace options or add some."""
        options: dict[str, object] = {
            "results": self.folder / "results.json", "images": self.folder / "images",
            "annotations": self.folder / "images.json", "out": self.out,
            "weights": self.folder / "sharp.safetensors", "device": "cpu",
        }  # fmt: skip
        options |= changes
        return [word for key, value in options.items() for word in (f"--{key}", str(value))]

    @property
    def out(self) -> Path:
        return self.folder / "out.json"

    @property
    def part(self) -> Path:
        return self.folder / "out.json.part"

    def write(self, entries: Sequence[Any]) -> None:
        (self.folder / "results.json").write_text(json.dumps(entries))

    def refined(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.out.read_text())
        return found


def blob(rng: np.random.Generator, *, holes: bool = True) -> np.ndarray:
    """(HEIGHT, WIDTH) bool: an ellipse, some with a hole, some in two parts."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    x, y = rng.integers(12, WIDTH - 12), rng.integers(12, HEIGHT - 12)
    axes = tuple(int(v) for v in rng.integers(5, 14, 2))
    cv2.ellipse(mask, (int(x), int(y)), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    if holes and rng.random() < 0.3:
        cv2.circle(mask, (int(x), int(y)), 2, 0, -1)
    if rng.random() < 0.3:
        mask[2:9, 2:9] = 1
    return mask.astype(bool)


def segmentation(mask: np.ndarray, form: str) -> Any:
    if form == "polygon":
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        return [[float(v) for v in ring.ravel()] for ring in outlines if len(ring) >= 3]
    if form == "plain":
        return {"size": [HEIGHT, WIDTH], "counts": encode_mask(mask).tolist()}
    found = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [HEIGHT, WIDTH], "counts": found["counts"].decode()}


def write_case(
    folder: Path, *, images: int = 6, each: int = 3, shuffled: bool = False, seed: int = 0
) -> Case:
    """Entries in three forms, with the fields that results have, and some of somebody's own."""
    rng = np.random.default_rng(seed)
    (folder / "images" / "deep").mkdir(parents=True)
    listed, entries = [], []
    for number in range(images):
        name = f"deep/{number}.png" if number % 2 else f"{number}.png"
        picture = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / "images" / name), picture)
        listed.append({"id": 100 + number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for k in range(each):
            form = ("compressed", "plain", "polygon")[(number + k) % 3]
            entries.append(
                {
                    "image_id": 100 + number, "category_id": k, "mine": {"é": [None, 1e-7, k]},
                    "segmentation": segmentation(blob(rng, holes=form != "polygon"), form),
                    "score": float(rng.random()), "bbox": [1.25, 2, 3.5, 4],
                }
            )  # fmt: skip
    if shuffled:
        entries = [entries[i] for i in rng.permutation(len(entries))]
    document = {
        "info": {}, "annotations": [{"id": 1, "image_id": 7}], "images": listed, "categories": [],
    }  # fmt: skip
    (folder / "images.json").write_text(json.dumps(document))
    view = TestView("pad", multiple=32)
    card = ContourCard("nano", ("a", "b", "c"), (1, 2, 3), view=view)
    save_weights(folder / "sharp.safetensors", random_network(sharp="classify"), card)
    case = Case(folder, entries)
    case.write(entries)
    return case
