"""GeoParquet 1.1: a table with a row an object, its geometry as well-known binary.

https://geoparquet.org/releases/v1.1.0/. Geometries are in pixels, y downwards, without a coordinate
reference system.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

import shapely

from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.needs import missing_package
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.rounding import SCORE_DECIMALS
from e2ec.results.postprocess.valid_polygons import mend

_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {
        "geometry": {
            "encoding": "WKB",
            "geometry_types": ["Polygon", "MultiPolygon"],
            "crs": None,
            "orientation": "counterclockwise",
        }
    },
}


def geoparquet_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`contours.parquet`. Polygons are valid; objects without any area are left out.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise missing_package("GeoParquet files", "geo", error) from error
    types = {
        "image": pyarrow.string(),
        "image_id": pyarrow.int64(),
        "width": pyarrow.int32(),
        "height": pyarrow.int32(),
        "class": pyarrow.string(),
        "class_index": pyarrow.int32(),
        "category_id": pyarrow.int64(),
        "score": pyarrow.float64(),
        "crowd": pyarrow.bool_(),
        "track_id": pyarrow.int64(),
        "geometry": pyarrow.binary(),
    }
    metadata = {"geo": json.dumps(_GEO)}
    schema = pyarrow.schema(list(types.items()), metadata=metadata)
    buffer = io.BytesIO()
    with pyarrow.parquet.ParquetWriter(buffer, schema) as writer:
        for item in items:
            found = list(rows(item, options, notes))
            for row in found:
                row["geometry"] = shapely.to_wkb(row["geometry"])
            writer.write_table(pyarrow.Table.from_pylist(found, schema=schema))
    yield "contours.parquet", buffer.getvalue()


def rows(item: ImageResult, options: FormatOptions, notes: Notes) -> Iterator[dict[str, Any]]:
    """The objects of an image as rows; `geometry` is a valid shapely Polygon or MultiPolygon."""
    contours = item.contours
    for index, instance in enumerate(contours):
        mended = mend(instance.components, decimals=options.decimals)
        if mended.geometry.is_empty:
            notes.left_out["objects without any area"] += 1
            continue
        if mended.changed:
            notes.mended.append(mended.area_change_percent)
        yield {
            "image": item.name,
            "image_id": item.image_id,
            "width": contours.width,
            "height": contours.height,
            "class": instance.class_name,
            "class_index": instance.label,
            "category_id": contours.category_ids[instance.label],
            "score": None if item.labels else round(instance.score, SCORE_DECIMALS),
            "crowd": item.is_crowd(index),
            "track_id": instance.track_id,
            "geometry": shapely.orient_polygons(mended.geometry),
        }
