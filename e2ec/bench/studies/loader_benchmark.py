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
from torch.utils.data import DataLoader, Dataset
from tyro.conf import Positional, arg

from dataset.contour.targets import Batch, TargetSettings, build_example, collate
from dataset.formats.coco.read import read_coco
from dataset.index.dataset import IndexedDataset
from dataset.loading.loader import EpochSampler, Key, TrainingDataset, make_loader
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


class PlainDataset(Dataset[dict[str, Any]]):
    """Training examples made in the straightforward way, with the random choices of ours.

    Args:
        data: images and labels.
        seed: with epoch and index it fixes every random choice.
    """

    def __init__(self, data: IndexedDataset, *, seed: int) -> None:
        self.data = data
        self.seed = seed
        self.augmentation, self.targets = AugmentationSettings(), TargetSettings()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """The example of sample `index` in epoch `epoch`; images are normalised BGR."""
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        sample = self.data[index]
        height, width = sample.image.shape[:2]
        matrix = sample_crop(height, width, self.augmentation, rng)
        shifted = matrix.copy()
        shifted[:, 2] += 0.5 * (matrix[:, 0] + matrix[:, 1]) - 0.5
        bgr = cv2.cvtColor(sample.image, cv2.COLOR_RGB2BGR)
        image = cv2.warpAffine(bgr, shifted, self.augmentation.crop_size[::-1])
        image = image.astype(np.float32) / 255
        self._jitter(image, rng)
        image = (image - MEAN_BGR) / STD_BGR
        targets = self._targets(sample, matrix)
        return {"image": np.ascontiguousarray(image.transpose(2, 0, 1)), **targets}

    def _jitter(self, image: np.ndarray, rng: np.random.Generator) -> None:
        """Change the colours of a float BGR image in 0..1, in place."""
        settings = self.augmentation
        for name in rng.permutation(["brightness", "contrast", "saturation"]):
            strength = getattr(settings, name)
            factor = rng.uniform(1 - strength, 1 + strength)
            if name == "brightness":
                image *= factor
                continue
            grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            image *= factor
            image += (1 - factor) * (grey.mean() if name == "contrast" else grey[..., None])
        noise = rng.normal(size=3) * settings.lighting
        image += (LIGHTING_VECTORS @ (LIGHTING_VALUES * noise)).astype(np.float32)

    def _targets(self, sample: Sample, matrix: np.ndarray) -> dict[str, Any]:
        targets = self.targets
        height, width = self.augmentation.crop_size
        smallest = targets.min_area_cells * targets.stride**2
        parts, classes = [], []
        for instance in sample.instances:
            for part in instance.parts:
                points = geometry.transform_points(part, matrix)
                points = geometry.clip_to_box(points, width, height)
                points = geometry.remove_repeated_points(points)
                if len(points) >= 3 and geometry.area(points) > smallest:
                    parts.append(points)
                    classes.append(instance.class_index)
        heatmap, contours, keys, centers = plain_labels(
            parts,
            classes,
            targets,
            num_classes=len(self.data.class_names),
            size=self.augmentation.crop_size,
        )
        return {
            "heatmap": heatmap,
            "centers": centers,
            "classes": np.array(classes, dtype=np.int64),
            "contours": contours.astype(np.float32),
            "keys": keys,
        }


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


def images_per_second(loader: DataLoader[Any], size: int, use: Callable[[Any], object]) -> float:
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
    make_example = partial(
        build_example,
        augmentation=AugmentationSettings(),
        targets=TargetSettings(),
        num_classes=len(coco.class_names),
    )
    data = TrainingDataset(coco, make_example, seed=0)
    sampler = EpochSampler(len(data), batch_size=batch, seed=0)
    if sampler.batches_per_epoch < 2:
        raise InputError(f"{annotations}: too few images for two batches; lower --batch")
    plain: DataLoader[dict[str, Any]] = DataLoader(
        PlainDataset(coco, seed=0),
        batch_sampler=sampler,
        collate_fn=collate_plain,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=(lambda _: cv2.setNumThreads(0)) if workers else None,
    )
    ours = make_loader(data, sampler, collate, num_workers=workers)
    loaders: dict[str, tuple[DataLoader[Any], Callable[[Any], object]]] = {
        "ours": (ours, lambda batch: batch.images),
        "ours, finished": (ours, finish),
        "plain": (plain, len),
    }
    rates: dict[str, list[float]] = {name: [] for name in loaders}
    for turn in range(turns):
        sampler.set_epoch(turn)
        for name, (loader, use) in loaders.items():
            rates[name].append(images_per_second(loader, batch, use))
    ours.close()
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
