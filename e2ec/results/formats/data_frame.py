"""Instances as a `GeoDataFrame` of the package geopandas."""

from __future__ import annotations

from typing import Any

from e2ec.results.formats.geoparquet import rows
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.needs import missing_package
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.instances import Instances

_COLUMNS = ("class", "class_index", "category_id", "score", "track_id")


def geo_data_frame(instances: Instances, *, decimals: int | None = None) -> Any:
    """A `geopandas.GeoDataFrame` with a row an instance and the columns class, class_index,
    category_id, score, track_id (None without tracks) and geometry.

    Geometries are valid, in pixels, y downwards, without a coordinate reference system. Instances
    without any area have no row; the index of the frame is that of the instances.

    Raises:
        InputError: the package is not installed.
    """
    try:
        from geopandas import GeoDataFrame
    except ModuleNotFoundError as error:
        raise missing_package("Data frames of geometries", "geo", error) from error
    options = FormatOptions(decimals=decimals)
    places: list[int] = []
    found: list[dict[str, Any]] = []
    for index in range(len(instances)):
        for row in rows(ImageResult("", instances[index]), options, Notes()):
            places.append(index)
            found.append({name: row[name] for name in (*_COLUMNS, "geometry")})
    columns = {name: [row[name] for row in found] for name in _COLUMNS}
    return GeoDataFrame(columns, geometry=[row["geometry"] for row in found], index=places)
