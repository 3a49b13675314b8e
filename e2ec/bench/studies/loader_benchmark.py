"""How fast training batches are loaded, against a plain implementation of the same.

    python -m e2ec.bench.studies.loader_benchmark IMAGES ANNOTATIONS [--workers 1] [--batch 24]

loads the labelled images of a folder with the augmentation and the targets of the COCO preset
(512 x 512 pixels) and prints images per second of three loaders, taking turns, median of all turns:

- ours: `dataset.loading.loader`, as it hands batches to a training on a GPU;
- ours, finished: the same, images normalised and heat maps drawn by the main process on the CPU,
  so that it has all that the plain loader gives it;
- plain: colours in floating point step by step; normalised images and dense heat maps travel.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any

import cv2
import numpy as np
import torch
from tyro.conf import Positional, arg

from dataset.contour.targets import Batch, TargetSettings, build_example, collate
from dataset.formats.coco.read import read_coco
from dataset.index.dataset import IndexedDataset
from dataset.loading.loader import EpochSampler, TrainingDataset, TrainingLoader, make_loader
from dataset.loading.sample import Sample
from dataset.transforms.augmentation import (
    LIGHTING_VALUES,
    LIGHTING_VECTORS,
    AugmentationSettings,
    sample_crop,
)
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.plain_labels import plain_labels
from e2ec.bench.report import table
from lib.errors import InputError
from lib.polygons import geometry

MEAN_BGR = np.array([0.40789654, 0.44719302, 0.47026115], dtype=np.float32)
STD_BGR = np.array([0.28863828, 0.27408164, 0.27809835], dtype=np.float32)


def plain_example(
    sample: Sample,
    rng: np.random.Generator,
    *,
    augmentation: AugmentationSettings,
    targets: TargetSettings,
    num_classes: int,
) -> dict[str, np.ndarray]:
    """A training example made in the straightforward way, with the random choices of ours.

    Arguments are those of `build_example`; the image is normalised BGR.
    """
    height, width = sample.image.shape[:2]
    matrix = sample_crop(height, width, augmentation, rng)
    shifted = matrix.copy()
    shifted[:, 2] += 0.5 * (matrix[:, 0] + matrix[:, 1]) - 0.5
    bgr = cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR)
    image = cv2.warpAffine(bgr, shifted, augmentation.crop_size[::-1])
    image = image.astype(np.float32) / 255
    _jitter(image, augmentation, rng)
    image = (image - MEAN_BGR) / STD_BGR
    parts, classes = _visible(sample, matrix, augmentation.crop_size, targets)
    heatmap, contours, keys, centers = plain_labels(
        parts, classes, targets, num_classes=num_classes, size=augmentation.crop_size
    )
    return {
        "image": np.ascontiguousarray(image.transpose(2, 0, 1)),
        "heatmap": heatmap,
        "centers": centers,
        "classes": np.array(classes, dtype=np.int64),
        "contours": contours.astype(np.float32),
        "keys": keys,
    }


def _jitter(
    image: np.ndarray, augmentation: AugmentationSettings, rng: np.random.Generator
) -> None:
    """Change the colours of a float BGR image in 0..1, in place."""
    for name in rng.permutation(["brightness", "contrast", "saturation"]):
        strength = getattr(augmentation, name)
        factor = rng.uniform(1 - strength, 1 + strength)
        if name == "brightness":
            image *= factor
            continue
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image *= factor
        image += (1 - factor) * (grey.mean() if name == "contrast" else grey[..., None])
    noise = rng.normal(size=3) * augmentation.lighting
    image += (LIGHTING_VECTORS @ (LIGHTING_VALUES * noise)).astype(np.float32)


def _visible(
    sample: Sample, matrix: np.ndarray, size: tuple[int, int], targets: TargetSettings
) -> tuple[list[np.ndarray], list[int]]:
    """Parts in a crop of this height and width that are large enough, and their classes."""
    parts, classes = [], []
    for instance in sample.instances:
        for part in instance.parts:
            points = geometry.transform_points(part, matrix)
            points = geometry.clip_to_box(points, size[1], size[0])
            points = geometry.remove_repeated_points(points)
            smallest = targets.min_area_cells * targets.stride**2
            if len(points) >= 3 and geometry.area(points) > smallest:
                parts.append(points)
                classes.append(instance.class_index)
    return parts, classes


def collate_plain(examples: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Images and heat maps stacked, targets one after the other."""
    columns = {key: [torch.from_numpy(e[key]) for e in examples] for key in examples[0]}
    stacked = {"image", "heatmap"}
    batch = {k: torch.stack(v) if k in stacked else torch.cat(v) for k, v in columns.items()}
    counts = torch.tensor([len(classes) for classes in columns["classes"]])
    batch["image_index"] = torch.repeat_interleave(torch.arange(len(examples)), counts)
    return batch


def finish(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """What a training step makes of a batch on its device: normalised BGR images, heat maps."""
    mean, std = (torch.from_numpy(v).view(1, 3, 1, 1) for v in (MEAN_BGR * 255, STD_BGR * 255))
    return (batch.images.flip(1).to(torch.float32) - mean) / std, batch.heatmaps


def images_per_second(loader: TrainingLoader, size: int, use: Callable[[Any], object]) -> float:
    """Rate of one pass from the arrival of its first batch to that of its last one."""
    batches = iter(loader)
    use(next(batches))
    start, count = time.perf_counter(), 0
    for batch in batches:
        use(batch)
        count += size
    return count / (time.perf_counter() - start)


def compare(
    images: str, annotations: str, *, workers: int, batch: int, limit: int, turns: int
) -> dict[str, list[float]]:
    """Images per second of every loader, turn by turn.

    Raises:
        InputError: the data cannot be read, or is too small for two batches.
    """
    coco = IndexedDataset(images, read_coco(annotations).subset(limit=limit))
    sampler = EpochSampler(len(coco), batch_size=batch, seed=0)
    if sampler.batches_per_epoch < 2:
        raise InputError(f"{annotations}: too few images for two batches; lower --batch")
    settings = {
        "augmentation": AugmentationSettings(),
        "targets": TargetSettings(),
        "num_classes": len(coco.class_names),
    }

    def loader(make_example: Callable[..., Any], collate: Callable[..., Any]) -> TrainingLoader:
        data = TrainingDataset(coco, partial(make_example, **settings), seed=0)
        return make_loader(data, sampler, collate, num_workers=workers)

    ours, plain = loader(build_example, collate), loader(plain_example, collate_plain)
    loaders: dict[str, tuple[TrainingLoader, Callable[[Any], object]]] = {
        "ours": (ours, lambda batch: batch.images),
        "ours, finished": (ours, finish),
        "plain": (plain, len),
    }
    rates: dict[str, list[float]] = {name: [] for name in loaders}
    for turn in range(turns):
        sampler.set_epoch(turn)
        for name, (one, use) in loaders.items():
            rates[name].append(images_per_second(one, batch, use))
    ours.close()
    plain.close()
    return rates


@dataclass(frozen=True)
class BenchmarkOptions:
    """Throughput of the training loader."""

    images: Annotated[Positional[str], arg(metavar="IMAGES")]
    """Folder of the images."""
    annotations: Annotated[Positional[str], arg(metavar="ANNOTATIONS")]
    """COCO annotation file."""
    workers: int = 1
    """Loader processes."""
    batch: int = 24
    """Images a batch."""
    limit: int = 300
    """Use only the first images."""
    turns: int = 5
    """Passes of every loader."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and print a Markdown table."""
    options = parse_options(BenchmarkOptions, arguments)
    torch.set_num_threads(1)
    rows = []
    rates = compare(**asdict(options))
    for name, values in rates.items():
        median, low, high = statistics.median(values), min(values), max(values)
        ratio = statistics.median(a / b for a, b in zip(values, rates["plain"], strict=True))
        rows.append([name, f"{median:.1f}", f"{low:.1f} to {high:.1f}", f"{ratio:.2f}"])
    print(table(["loader", "images/s", "of all turns", "times plain"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
