"""Finding images that are missing, cannot be decoded, or are not of the size the labels are for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tqdm import tqdm

from dataset.checks.problems import Problem, Report, Unusable, read_whole
from dataset.index.label_index import LabelIndex
from dataset.index.records import ImageRecord
from lib.images import image_size, quiet_opencv, read_image

# Images handed to the threads at a time: enough to keep them busy, few enough to stop soon.
_BATCH = 256


def check_images(
    folder: Path,
    index: LabelIndex,
    report: Report,
    *,
    decode: bool = True,
    progress: bool = False,
) -> None:
    """Report images that training could not use, and files that are listed more than once.

    Args:
        folder: what the file names of the index are relative to.
        index: the images, and the sizes that the labels are for.
        report: called with every problem, in the order of the images.
        decode: decode every image completely; False reads the headers alone, which finds missing
            files and wrong sizes but not every damaged file.
        progress: show a bar.
    """
    records = [index.image(position) for position in range(len(index))]
    examine = partial(_examine, folder, index.source, decode)
    with (
        quiet_opencv(),  # throughout, whichever thread sets its level back first
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(records), desc="images", unit=" images", disable=not progress) as bar,
    ):
        for start in range(0, len(records), _BATCH):
            batch = records[start : start + _BATCH]
            for problem in pool.map(examine, batch):
                if problem is not None:
                    report(problem)
            bar.update(len(batch))
    for problem in _listed_twice(records, index.source):
        report(problem)


def _examine(folder: Path, source: str, decode: bool, record: ImageRecord) -> Problem | None:
    path = folder / record.name
    item = f"image {record.id} ({record.name})"
    try:
        # Asked first: whether a file is missing or damaged makes different problems.
        if not path.is_file():
            remedy = "add the image or remove its entry"
            raise Unusable("missing image", "there is no such file", remedy)
        read = _decoded_size if decode else image_size
        height, width = read_whole(read, path, "unreadable image")
        if (height, width) != (record.height, record.width):
            labels = f"the labels ({Path(source).name}) are for {record.width} x {record.height}"
            what = f"the image is {width} x {height} pixels but {labels}"
            raise Unusable("size mismatch", what, "use the image that was labelled")
    except Unusable as error:
        return error.problem(str(path), item)
    return None


def _decoded_size(path: Path) -> tuple[int, int]:
    height, width = read_image(path).shape[:2]
    return height, width


def _listed_twice(records: list[ImageRecord], source: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for record in records:
        original = first.setdefault(record.name, record.id)
        if original != record.id:
            item, what = f"image {record.id} ({record.name})", f"the same file as image {original}"
            remedy = "keep one entry, with the annotations of both"
            yield Problem(source, item, "image listed twice", what, "kept", remedy)
