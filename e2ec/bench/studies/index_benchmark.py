"""Opening a label file of the size of COCO train2017: time, memory, and what workers add to it.

    python -m e2ec.bench.studies.index_benchmark FOLDER [--workers 2]

makes a file of 118,287 images and 860,001 annotations in FOLDER (480 MB, as COCO's own), opens it
without the index kept on disk, or when called again with it, and reads it all in workers. Memory
is the proportional set size of Linux: a page that several processes share is counted once in all.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Annotated

import numpy as np
from tyro.conf import Positional, arg

from dataset.formats.coco.read import read_coco
from dataset.index.cache import open_index
from dataset.index.label_index import LabelIndex
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from e2ec.bench.memory import peak_memory, shared_memory

IMAGES, ANNOTATIONS, CATEGORIES = 118_287, 860_001, 80
# One annotation in this many is a crowd region, as in COCO.
_CROWD_EVERY = 86


def write_labels(path: Path, *, images: int = IMAGES, annotations: int = ANNOTATIONS) -> None:
    """Write a made-up file with the numbers of train2017: 1.3 polygons of 19 points an object."""
    with path.open("w") as file:
        pictures = [_image(number) for number in range(1, images + 1)]
        file.write(f'{{"info": {{}}, "licenses": [], "images": {json.dumps(pictures)}')
        file.write(', "annotations": [')
        for number, entry in enumerate(_annotations(images, annotations)):
            file.write((", " if number else "") + json.dumps(entry))
        categories = [{"id": key, "name": f"class {key}"} for key in range(1, CATEGORIES + 1)]
        file.write(f'], "categories": {json.dumps(categories)}}}')


def _image(number: int) -> dict[str, object]:
    return {
        "license": 3,
        "file_name": f"{number:012d}.jpg",
        "coco_url": f"http://images.cocodataset.org/train2017/{number:012d}.jpg",
        "height": 480,
        "width": 640,
        "date_captured": "2013-11-14 16:28:13",
        "flickr_url": "http://farm4.staticflickr.com/3153/2970773875_164f0c0b83_z.jpg",
        "id": number,
    }


def _annotations(images: int, count: int) -> Iterator[dict[str, object]]:
    """In random order of images, as in COCO's file."""
    rng = np.random.default_rng(0)
    for number in range(1, count + 1):
        crowd = number % _CROWD_EVERY == 0
        mask = {"counts": [1000, 50, 480 * 640 - 1050], "size": [480, 640]}
        polygons = [_polygon(rng) for _ in range(1 if rng.random() < 0.85 else 3)]
        yield {
            "segmentation": mask if crowd else polygons,
            "area": 1234.5,
            "iscrowd": int(crowd),
            "image_id": int(rng.integers(1, images + 1)),
            "bbox": [1.5, 2.5, 30.25, 40.75],
            "category_id": int(rng.integers(1, CATEGORIES + 1)),
            "id": number,
        }


def _polygon(rng: np.random.Generator) -> list[float]:
    angles = np.sort(rng.random(min(6 + int(rng.exponential(13.5)), 300))) * 2 * np.pi
    outline = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = rng.uniform(100, 380, 2) + rng.uniform(5, 80) * outline
    return np.round(points, 2).ravel().tolist()


def _work(index: LabelIndex, barrier: Barrier) -> None:
    """A loader worker: reads the labels of every image, and stays until it has been measured."""
    for position in range(len(index)):
        index.annotations(position)
    barrier.wait()
    barrier.wait()


def group_memory(index: LabelIndex, workers: int) -> tuple[float, list[float]]:
    """MB of this process and of its workers, each having read all labels."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(workers + 1)
    processes = [context.Process(target=_work, args=(index, barrier)) for _ in range(workers)]
    for process in processes:
        process.start()
    barrier.wait()
    found = shared_memory(os.getpid()), [shared_memory(process.pid or 0) for process in processes]
    barrier.wait()
    for process in processes:
        process.join()
    return found


@dataclass(frozen=True)
class BenchmarkOptions:
    """Time and memory of opening an index of many labels."""

    folder: Annotated[Positional[Path], arg(metavar="FOLDER")]
    """For the file and the kept index."""
    workers: int = 2
    """Processes that share it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = parse_options(BenchmarkOptions, arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "labels.json"
    if not path.exists():
        write_labels(path)
    os.environ["E2EC_CACHE"] = str(options.folder / "cache")
    started = time.perf_counter()
    index = open_index([path], "benchmark", lambda: read_coco(path))
    seconds = time.perf_counter() - started
    own, others = group_memory(index, options.workers)
    print(
        f"{path.stat().st_size / 1e6:.0f} MB, {len(index):,} images, "
        f"{index.annotation_count():,} annotations: open in {seconds:.2f} s, peak "
        f"{peak_memory():.0f} MB; then {own:.0f} MB and in {options.workers} workers "
        f"{', '.join(f'{value:.0f}' for value in others)} MB, "
        f"{own + sum(others):.0f} MB in all"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
