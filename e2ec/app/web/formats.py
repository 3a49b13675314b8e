"""Contours of one picture as a file of any format that the project writes."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dataset.index.builder import IndexBuilder
from dataset.masks.rings import join_rings
from e2ec.app.web.names import file_stem, renamed
from e2ec.convert.job import Job
from e2ec.convert.source import Source
from e2ec.convert.to_masks import write_masks
from e2ec.convert.to_yolo import write_yolo
from e2ec.results.contours import Contours


@dataclass(frozen=True)
class Download:
    """A file to send: its bytes, their type, and a name that is safe in a header and on a disk."""

    data: bytes
    media_type: str
    name: str


@dataclass(frozen=True)
class FileFormat:
    """A format that contours are written in.

    Attributes:
        name: in addresses.
        title: for people.
        suffix: of the file.
        media_type: of its bytes.
        encode: the bytes.
    """

    name: str
    title: str
    suffix: str
    media_type: str
    encode: Callable[[Contours], bytes]

    def download(self, contours: Contours) -> Download:
        """The contours as a file called by their picture."""
        named = renamed(contours, contours.source)
        name = f"{file_stem(named.source)}{self.suffix}"
        return Download(self.encode(named), self.media_type, name)


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


def _coco(contours: Contours) -> bytes:
    """Annotations with categories and the image, as tools for labelling and training read them."""
    annotations = []
    for i, runs in enumerate(contours.runs):
        (entry,) = contours[i].to_coco(1, segmentation="polygon" if runs is None else "rle")
        annotations.append({"id": i + 1, "iscrowd": 0, **entry})
    classes = zip(contours.category_ids, contours.class_names, strict=True)
    image = {
        "id": 1,
        "file_name": contours.source or "picture",
        "width": contours.width,
        "height": contours.height,
    }
    categories = [{"id": key, "name": name} for key, name in classes]
    return _json({"images": [image], "annotations": annotations, "categories": categories})


@dataclass(frozen=True)
class _MemoryJob(Job):
    """A conversion whose files stay in memory; images are not among them."""

    files: dict[str, bytes] = field(default_factory=dict)

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def place_image(self, position: int, name: str, *, link: bool = False) -> None:
        pass


def _zipped(contours: Contours, write: Callable[[Job], None]) -> bytes:
    """What a writer of labels makes of one image, as a ZIP file."""
    name = f"{file_stem(contours.source)}.png"  # labels are called by it alone
    builder = IndexBuilder("contours")
    builder.add_image(1, name, contours.width, contours.height)
    for key, label in zip(contours.category_ids, contours.class_names, strict=True):
        builder.add_category(key, label)
    # Large ones first, as in pictures: it needs the fewest layers of masks.
    for number, i in enumerate(np.argsort(-contours.areas(), kind="stable").tolist(), start=1):
        category = contours.category_ids[contours.labels[i]]
        builder.add(id=number, image_id=1, category_id=category, **_shape(contours, i))
    # No file of an earlier conversion lies below a file.
    nowhere = Path(os.devnull) / "out"
    source = Source(Path("contours"), builder.finish(), [name], None)
    job = _MemoryJob(source, nowhere, nowhere, "val", copy_images=False)
    write(job)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in sorted(job.files.items()):
            archive.writestr(zipfile.ZipInfo(file), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _shape(contours: Contours, index: int) -> dict[str, Any]:
    """An instance as labels have it: its mask, or its parts with bridges to their holes."""
    runs = contours.runs[index]
    if runs is not None:
        return {"runs": runs, "size": (contours.height, contours.width)}
    rings = zip(contours.parts[index], contours.holes[index], strict=True)
    return {"polygons": [join_rings([(part, holes)]) if holes else part for part, holes in rings]}


FORMATS: dict[str, FileFormat] = {
    made.name: made
    for made in (
        FileFormat(
            "native",
            "Contours (JSON)",
            ".json",
            "application/json",
            lambda contours: contours.to_json().encode(),
        ),
        FileFormat("coco", "COCO", "_coco.json", "application/json", _coco),
        FileFormat(
            "labelme",
            "LabelMe",
            "_labelme.json",
            "application/json",
            lambda contours: _json(contours.to_labelme(contours.source or "picture")),
        ),
        FileFormat(
            "geojson",
            "GeoJSON",
            ".geojson",
            "application/geo+json",
            lambda contours: _json(contours.to_geojson()),
        ),
        FileFormat(
            "yolo",
            "YOLO (ZIP)",
            "_yolo.zip",
            "application/zip",
            lambda contours: _zipped(contours, write_yolo),
        ),
        FileFormat(
            "masks",
            "Masks (PNG in ZIP)",
            "_masks.zip",
            "application/zip",
            lambda contours: _zipped(contours, write_masks),
        ),
    )
}
"""Every format by its name, the project's own first."""
