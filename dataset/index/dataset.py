"""Images of a folder with the labels of an index: what every data set on disk is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataset.index.label_index import LabelIndex
from dataset.loading.sample import Instance, Sample
from lib.errors import InputError
from lib.images import read_image


class IndexedDataset:
    """A data set on disk.

    The class index is the position of the category in the index, whatever gaps the ids have; it
    never depends on which annotations are used. Crowd regions are no training instances: samples
    have them as ignored regions, and they stay in the ground truth. Instances end where the image
    ends.

    Args:
        folder: what the file names of the index are relative to.
        index: images and labels.

    Raises:
        InputError: the folder is missing.
    """

    def __init__(self, folder: str | Path, index: LabelIndex) -> None:
        self.folder = Path(folder)
        self.index = index
        if not self.folder.is_dir():
            raise InputError(
                f"{self.folder}: image folder not found; give the folder of the images"
            )
        self._class_index = {key: number for number, key in enumerate(index.categories)}
        self.source = index.source
        self.labelled = index.labelled
        self.class_names = tuple(index.categories.values())
        self.category_ids = tuple(index.categories)

    @property
    def image_ids(self) -> tuple[int, ...]:
        """Image id of every sample, in order."""
        return self.index.image_ids

    @property
    def image_names(self) -> tuple[str, ...]:
        """File name of every sample, in order, relative to the folder."""
        return self.index.image_names

    def object_count(self) -> int:
        """Number of labelled objects; crowd regions are none."""
        return len(self.index.objects()[0])

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, position: int) -> Sample:
        """Read one image and its instances.

        Raises:
            InputError: the image is missing, cut short, or not of the size the labels are for.
        """
        record = self.index.image(position)
        path = self.folder / record.name
        image = read_image(path)
        height, width = image.shape[:2]
        if (height, width) != (record.height, record.width):
            raise InputError(
                f"{path}: image is {width} x {height} pixels but the labels "
                f"({Path(self.source).name}) are for {record.width} x {record.height}; "
                "use the image that was labelled"
            )
        instances, ignored = [], []
        for annotation in self.index.annotations(position, clipped=True):
            class_index = self._class_index[annotation.category_id]
            runs = annotation.runs
            # What is thinner than a pixel has polygons, and a mask that shows nothing.
            exact = runs if runs is not None and runs[1::2].any() else None
            one = Instance(class_index, annotation.polygons, annotation.id, exact)
            if not annotation.crowd and one.parts:
                instances.append(one)
            elif annotation.crowd and (one.parts or exact is not None):
                ignored.append(one)
        return Sample(record.id, record.name, image, instances, ignored)

    def ground_truth(self) -> dict[str, Any]:
        """COCO dictionary of exactly these images, crowd regions included, for evaluation."""
        return self.index.ground_truth()
