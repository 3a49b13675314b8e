"""Data sets in COCO's instance format: COCO itself and any data labelled the same way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset.coco_format import AnnotationRecord, read_coco, to_coco_dict
from dataset.mask_contours import mask_to_contours
from dataset.rle import decode_mask
from dataset.sample import Instance, Sample
from lib.errors import InputError
from lib.images import read_image


class CocoDataset:
    """Images of a folder with the labels of a COCO annotation file.

    Classes are the file's categories in order of their ids, whatever gaps the ids have; the class
    index never depends on which annotations are used. Crowd regions are no training instances but
    stay in the ground truth. Objects given as run-length masks are traced when they are asked for.

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
        self.folder = Path(images)
        self.path = Path(annotations)
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: image folder not found")
        document = read_coco(self.path)
        records = document.images
        if image_ids is not None:
            by_id = {record.id: record for record in records}
            missing = [key for key in image_ids if key not in by_id]
            if missing:
                raise InputError(f"{self.path}: image {missing[0]} was asked for but is not in it")
            records = [by_id[key] for key in image_ids]
        self._images = records[:limit]
        self._categories = document.categories
        self._class_index = {key: index for index, key in enumerate(document.categories)}
        self._annotations: dict[int, list[AnnotationRecord]] = {r.id: [] for r in self._images}
        for annotation in document.annotations:
            if annotation.image_id in self._annotations:
                self._annotations[annotation.image_id].append(annotation)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of every class, by class index."""
        return tuple(self._categories.values())

    @property
    def category_ids(self) -> tuple[int, ...]:
        """Category id of every class, by class index."""
        return tuple(self._categories)

    @property
    def image_ids(self) -> tuple[int, ...]:
        """Image id of every sample, in order."""
        return tuple(record.id for record in self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Sample:
        """Read one image and its instances.

        Raises:
            InputError: the image is missing, cut short, or not of the size the labels are for.
        """
        record = self._images[index]
        path = self.folder / record.name
        image = read_image(path)
        height, width = image.shape[:2]
        if (height, width) != (record.height, record.width):
            raise InputError(
                f"{path}: image is {width} x {height} pixels but {self.path.name} says "
                f"{record.width} x {record.height}; use the image that was labelled"
            )
        instances = []
        for annotation in self._annotations[record.id]:
            if annotation.crowd:
                continue
            parts = annotation.polygons
            if annotation.runs is not None:
                parts = mask_to_contours(decode_mask(annotation.runs, height, width))
            class_index = self._class_index[annotation.category_id]
            instances.append(Instance(class_index, parts, annotation.id))
        return Sample(record.id, record.name, image, instances)

    def ground_truth(self) -> dict[str, Any]:
        """COCO dictionary of exactly these images, crowd regions included, for evaluation."""
        annotations = (a for records in self._annotations.values() for a in records)
        return to_coco_dict(self._images, self._categories, annotations)
