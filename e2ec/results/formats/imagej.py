"""ImageJ's regions of interest, a zip file an image, by the package `roifile`.

ImageJ's areas have (0, 0) at the top-left corner of the top-left pixel, as this project does: a
polygon with corners on whole numbers runs along the edges of pixels. Coordinates are 32 bit floats.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from e2ec.results.draw.visualize import palette
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.needs import missing_package
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.rounding import rounded
from e2ec.results.instances import ContourInstance
from e2ec.results.postprocess.valid_polygons import mend, polygon_rings

_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0
# The oldest date that a zip file can hold: the same contours give the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def imagej_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`NAME.zip` for every image: open it with the ROI Manager.

    The name of a region is its number, class and score.

    Raises:
        InputError: the package is not installed.
    """
    for item in items:
        colors = palette(len(item.contours.class_names))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for index, instance in enumerate(item.contours):
                name = _name(index, instance, item.labels)
                color = colors[instance.label]
                roi = roi_of(instance, name, color, decimals=options.decimals)
                archive.writestr(zipfile.ZipInfo(f"{name}.roi", _DATE), roi.tobytes())
        yield f"{item.stem}.zip", buffer.getvalue()


def roi_of(
    instance: ContourInstance,
    name: str,
    color: tuple[int, int, int],
    *,
    decimals: int | None = None,
) -> Any:
    """An instance as an `ImagejRoi`; `color` is the RGB colour of its outline.

    One part without holes is a polygon. Holes and further parts make a composite (a shape), whose
    rings are valid (`valid_polygons.mend`): ImageJ fills them by the even-odd rule, which would cut
    holes where parts overlap.

    Raises:
        InputError: the package is not installed.
    """
    try:
        from roifile import ROI_TYPE, ImagejRoi
    except ModuleNotFoundError as error:
        raise missing_package("ImageJ's ROIs", "imagej", error) from error
    stroke = bytes((255, *color))  # alpha stands first
    components = instance.components
    if len(components) == 1 and not components[0][1]:
        outer = rounded(components[0][0], decimals).astype(np.float32)
        roi = ImagejRoi.frompoints(outer, name=name)
        roi.roitype, roi.stroke_color = ROI_TYPE.POLYGON, stroke
        return roi
    valid = polygon_rings(mend(components, decimals=decimals).geometry) or components
    rings = [rounded(ring, decimals) for outer, holes in valid for ring in (outer, *holes)]
    path = np.concatenate([_path(ring) for ring in rings]).astype(np.float32)
    points = np.concatenate(rings)
    left, top = np.floor(points.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
    return ImagejRoi(
        roitype=ROI_TYPE.RECT,
        name=name,
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        stroke_color=stroke,
        shape_roi_size=len(path),
        multi_coordinates=path,
    )


def _path(ring: np.ndarray) -> np.ndarray:
    """Segments of a path: a code and a point each, and a code at the end."""
    codes = np.full((len(ring), 1), _LINE)
    codes[0] = _MOVE
    return np.append(np.concatenate([codes, ring], axis=1).ravel(), _CLOSE)


def _name(index: int, instance: ContourInstance, labels: bool) -> str:
    kind = "".join(c if c.isalnum() or c in " -_" else "_" for c in instance.class_name)
    score = "" if labels else f"-{instance.score:.2f}"
    return f"{index + 1:04d}-{kind}{score}"
