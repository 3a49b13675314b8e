"""Data sets in COCO's instance format: COCO itself and any data labelled the same way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataset.formats.coco.read import read_coco
from dataset.index.cache import open_index
from dataset.index.dataset import IndexedDataset


class CocoDataset(IndexedDataset):
    """Images of a folder with the labels of a COCO annotation file.

    Classes are the file's categories in order of their ids. A file without annotations
    (`image_info_*.json`) gives images without labels.

    Args:
        images: folder that the file names of the annotation file are relative to.
        annotations: the annotation file; it is checked completely here (`read_coco`).
        limit: use only the first so many images.
        image_ids: use only these images, in this order.

    Raises:
        InputError: the folder is missing, the annotation file is unusable, or an id of `image_ids`
            is not in it.
    """

    def __init__(
        self,
        images: str | Path,
        annotations: str | Path,
        *,
        limit: int | None = None,
        image_ids: Sequence[int] | None = None,
    ) -> None:
        path = Path(annotations)
        index = open_index([path], "coco", lambda: read_coco(path))
        super().__init__(images, index.subset(image_ids=image_ids, limit=limit))
