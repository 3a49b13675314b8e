"""A family of its own: every cell is told to belong to a class or to none; instances are masks.

With its preset it is all that is added for models that know nothing of contours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dataset.loading.sample import Sample
from dataset.masks.run_lengths import encode_mask
from dataset.transforms.test_transform import TestView
from e2ec.config import BaseModelConfig, Config
from e2ec.families.family import Family, ShownImage
from e2ec.families.model_card import ModelCard
from e2ec.results.contours import Contours
from lib.errors import InputError
from lib.ops import rasterize_polygons

STRIDE = 2


@dataclass(frozen=True)
class TinyModel(BaseModelConfig):
    """The settings of the family."""

    FAMILY: ClassVar[str] = "tiny_family:TINY"

    architecture: str = "tiny"
    """There is one."""

    width: int = 8
    """Channels of the layers."""


@dataclass(frozen=True)
class TinyCard(ModelCard):
    FAMILY: ClassVar[str] = "tiny_family:TINY"

    smallest: int = 4
    """Regions of fewer cells are left out."""

    @classmethod
    def own_fields(cls, card: Mapping[str, Any]) -> dict[str, Any]:
        return {"smallest": int(card["smallest"])}


@dataclass
class TinyBatch:
    images: Tensor
    classes: Tensor
    """(B, h, w) int64: 0 is background."""
    names: list[str]

    def to(self, device: torch.device | str) -> TinyBatch:
        return replace(self, images=self.images.to(device), classes=self.classes.to(device))

    def pin_memory(self) -> TinyBatch:
        return self


class TinyLoss:
    def counts(self, batch: TinyBatch) -> Tensor:
        return torch.tensor([float(batch.classes.numel())])

    def __call__(
        self, output: Tensor, batch: TinyBatch, counts: Tensor, *, epoch: int
    ) -> dict[str, Tensor]:
        cells = F.cross_entropy(output, batch.classes, reduction="sum") / counts[0]
        return {"cells": cells, "total": cells}


def make_example(sample: Sample, rng: np.random.Generator, *, size: tuple[int, int]) -> TinyBatch:
    image, matrix = TestView("letterbox", size).apply(sample.image)
    classes = np.zeros((size[0] // STRIDE, size[1] // STRIDE), np.int64)
    for instance in sample.instances:
        shown = [(p @ matrix[:, :2].T + matrix[:, 2]) / STRIDE for p in instance.parts]
        masks = rasterize_polygons(shown, *classes.shape).numpy()
        classes[masks.any(axis=0)] = 1 + instance.class_index
    if rng.random() < 0.5:
        image, classes = image[:, ::-1], classes[:, ::-1]
    pixels = torch.from_numpy(image.transpose(2, 0, 1).copy())
    return TinyBatch(pixels, torch.from_numpy(classes.copy()), [sample.name])


class TinyFamily(Family[nn.Sequential, TinyBatch]):
    name = "tiny"
    card_type = TinyCard

    def build(self, config: Config, num_classes: int) -> nn.Sequential:
        assert isinstance(config.model, TinyModel)
        return self._network(config.model.width, num_classes)

    def _network(self, width: int, num_classes: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(3, width, 5, stride=STRIDE, padding=2), nn.ReLU(),
            nn.Conv2d(width, width, 5, padding=2), nn.ReLU(),
            nn.Conv2d(width, 1 + num_classes, 1),
        )  # fmt: skip

    def from_state(
        self, state: Mapping[str, Tensor], card: TinyCard, *, name: str
    ) -> nn.Sequential:
        network = self._network(len(state["0.weight"]), len(card.class_names))
        try:
            network.load_state_dict(dict(state))
        except RuntimeError as error:
            raise InputError(f"{name}: weights do not fit") from error
        return network.eval()

    def num_classes(self, network: nn.Sequential) -> int:
        return len(network[-1].weight) - 1

    def stages(self, network: nn.Sequential) -> tuple[str, ...]:
        return ("mask",)

    def normalize(self, images: Tensor) -> Tensor:
        return images.float() / 64 - 2

    def example_maker(
        self, config: Config, num_classes: int
    ) -> Callable[[Sample, np.random.Generator], TinyBatch]:
        return partial(make_example, size=config.data.augmentation.crop_size)

    def collate(self, examples: Sequence[TinyBatch]) -> TinyBatch:
        return TinyBatch(
            torch.stack([example.images for example in examples]),
            torch.stack([example.classes for example in examples]),
            [name for example in examples for name in example.names],
        )

    def loss(self, config: Config) -> TinyLoss:
        return TinyLoss()

    def forward(self, network: nn.Module, images: Tensor, batch: TinyBatch) -> Any:
        return network(images)

    def prepare(self, network: nn.Sequential, *, device: torch.device, **ways: Any) -> Any:
        prepared = self._network(len(network[0].weight), self.num_classes(network))
        prepared.load_state_dict(network.state_dict())
        return prepared.to(device).eval()

    def predict(
        self, prepared: Any, images: Tensor, card: TinyCard, *, score_threshold: float
    ) -> Any:
        return prepared(images).softmax(dim=1), score_threshold

    def instances(
        self, output: Any, shown: Sequence[ShownImage], card: TinyCard, stages: Sequence[str]
    ) -> list[dict[str, Contours]]:
        maps, threshold = output
        results = []
        for probabilities, image in zip(maps.cpu().numpy(), shown, strict=True):
            result = _regions(probabilities, image, card, threshold)
            results.append(dict.fromkeys(stages, result))
        return results


def _regions(
    probabilities: np.ndarray, image: ShownImage, card: TinyCard, threshold: float
) -> Contours:
    """The connected regions of every class, in the original image."""
    found = []
    best = probabilities.argmax(axis=0)
    to_cells = np.diag([1 / STRIDE, 1 / STRIDE]) @ image.matrix
    size = (image.size[1], image.size[0])
    for label in range(1, len(probabilities)):
        count, regions = cv2.connectedComponents((best == label).astype(np.uint8))
        for number in range(1, count):
            region = (regions == number).astype(np.uint8)
            score = float(probabilities[label][region > 0].mean())
            way = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
            mask = cv2.warpAffine(region, to_cells, size, flags=way)
            if region.sum() >= card.smallest and mask.any() and score >= threshold:
                found.append((score, label - 1, encode_mask(mask)))
    found = sorted(found, key=lambda one: -one[0])[: card.max_detections]
    return Contours(
        height=image.size[0],
        width=image.size[1],
        class_names=card.class_names,
        category_ids=card.category_ids,
        labels=np.array([label for _, label, _ in found], np.int64),
        scores=np.array([score for score, _, _ in found]),
        runs=[runs for _, _, runs in found],
        source=image.source,
    )


TINY = TinyFamily()
