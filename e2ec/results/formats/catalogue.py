"""The formats that results and labels are written in: what is said of them, without loading them.

`e2ec.results.formats.writers` has their writers, by the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal


@dataclass(frozen=True)
class OutputFormat:
    """A format.

    Attributes:
        name: as options have it.
        line: what it is, in a few words.
        per: a file for each image, or one for all images of a collection.
        file: of a collection its file; of images what the name of an image, without its suffix, is
            put into.
        reads: the name of the format of labels that reads it; None where it is no label.
        extra: what has to be installed beside the core: `pip install "e2ec[EXTRA]"`.
    """

    name: str
    line: str
    per: Literal["image", "collection"]
    file: str
    reads: str | None = None
    extra: str | None = None

    def path(self, image: str) -> str:
        """The file that the results of an image are in, relative to the folder written.

        Args:
            image: name of the image's file, relative to the folder of images.
        """
        return self.file.format(PurePosixPath(image).with_suffix("").as_posix())


OUTPUT_FORMATS: dict[str, OutputFormat] = {
    entry.name: entry
    for entry in (
        OutputFormat("contours", "the project's own JSON", "collection", "contours.json"),
        OutputFormat("coco", "COCO annotations", "collection", "annotations.json", "coco"),
        OutputFormat(
            "coco-results", "COCO results, as evaluators read them", "collection", "results.json"
        ),
        OutputFormat("yolo", "YOLO segmentation labels", "image", "labels/{}.txt", "yolo"),
        OutputFormat("labelme", "LabelMe", "image", "{}.json", "labelme"),
        OutputFormat("masks", "images of object numbers", "image", "masks/{}.png", "masks"),
        OutputFormat(
            "voc",
            "Pascal VOC's SegmentationObject and SegmentationClass",
            "image",
            "SegmentationObject/{}.png",
            "voc",
        ),
        OutputFormat("cvat", "CVAT for images 1.1", "collection", "annotations.xml", "cvat"),
        OutputFormat("geojson", "GeoJSON", "image", "{}.geojson"),
        OutputFormat("qupath", "GeoJSON as QuPath reads it", "image", "{}.geojson"),
        OutputFormat("imagej", "ImageJ's ROIs, zipped", "image", "{}.zip", extra="imagej"),
        OutputFormat("svg", "vector graphics", "image", "{}.svg"),
        OutputFormat("csv", "measurements of every object", "collection", "measurements.csv"),
        OutputFormat("geoparquet", "GeoParquet", "collection", "contours.parquet", extra="geo"),
    )
}
