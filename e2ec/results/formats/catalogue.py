"""The formats that results and labels are written in: what is said of them, without loading them.

`e2ec predict` knows all of them, `convert` those that labels are converted to.
`e2ec.results.formats.writers` has their writers, by the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal


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
        also: further files that every image has, put together as `file` is.
        layers: an image may have further files still, `mask_layers.further_layers`.
    """

    name: str
    line: str
    per: Literal["image", "collection"]
    file: str
    reads: str | None = None
    extra: str | None = None
    also: tuple[str, ...] = ()
    layers: bool = False

    def path(self, image: str) -> str:
        """The file that the results of an image are in, relative to the folder written.

        Args:
            image: name of the image's file, relative to the folder of images.
        """
        return self.file.format(PurePosixPath(image).with_suffix("").as_posix())

    def paths(self, stem: str) -> tuple[str, ...]:
        """The files that every image has, but for further layers; the first is `file`.

        Args:
            stem: what the files of the image are called, without a suffix.
        """
        return tuple(file.format(stem) for file in (self.file, *self.also))


OUTPUT_FORMATS: dict[str, OutputFormat] = {
    entry.name: entry
    for entry in (
        OutputFormat("json", "the project's own JSON, a file an image", "image", "{}.json"),
        OutputFormat(
            "contours", "the project's own JSON, all images", "collection", "contours.json"
        ),
        OutputFormat("coco", "COCO annotations", "collection", "annotations.json", "coco"),
        OutputFormat(
            "coco-results", "COCO results, as evaluators read them", "collection", "results.json"
        ),
        OutputFormat("yolo", "YOLO segmentation labels", "image", "labels/{}.txt", "yolo"),
        OutputFormat("labelme", "LabelMe", "image", "{}.json", "labelme"),
        OutputFormat(
            "masks", "images of object numbers", "image", "masks/{}.png", "masks", layers=True
        ),
        OutputFormat(
            "voc",
            "Pascal VOC's SegmentationObject and SegmentationClass",
            "image",
            "SegmentationObject/{}.png",
            "voc",
            also=("SegmentationClass/{}.png",),
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
"""Every format by its name, the project's own first."""

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(OUTPUT_FORMATS)]
