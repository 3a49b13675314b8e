"""The result type that users hold: instances with methods for every format."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from e2ec.results.change import chosen, clipped, joined, scaled
from e2ec.results.formats.coco import coco_results
from e2ec.results.formats.data_frame import geo_data_frame
from e2ec.results.formats.from_coco import from_coco
from e2ec.results.formats.from_labelme import from_labelme
from e2ec.results.formats.from_masks import from_masks
from e2ec.results.formats.geojson import feature_collection
from e2ec.results.formats.labelme import labelme_document
from e2ec.results.formats.native_reader import read_images
from e2ec.results.formats.native_writer import document
from e2ec.results.formats.supervision import detections
from e2ec.results.instances import ContourInstance, Instances
from e2ec.results.masks import dense_masks
from e2ec.results.postprocess.valid_polygons import mend
from lib.errors import InputError

__all__ = ["ContourInstance", "Contours"]


class Contours(Instances):
    """The instances of one image (`Instances` has the fields), and what can be made of them."""

    def filter(
        self,
        *,
        min_score: float | None = None,
        classes: Collection[str | int] | None = None,
        min_area: float | None = None,
        max_area: float | None = None,
    ) -> Contours:
        """The instances of these scores, classes and areas: see `results.change.chosen`."""
        return chosen(
            self, min_score=min_score, classes=classes, min_area=min_area, max_area=max_area
        )

    def __add__(self, other: Instances) -> Contours:
        """The instances of both, of one image: see `results.change.joined`."""
        return joined(self, other)

    def clip(self, box: tuple[float, float, float, float] | None = None) -> Contours:
        """What lies in the image, or in a box (x0, y0, x1, y1): see `results.change.clipped`."""
        return clipped(self, box)

    def scale(self, factor: float | Sequence[float]) -> Contours:
        """The same at another size of the image: see `results.change.scaled`."""
        return scaled(self, factor)

    def to_masks(self) -> np.ndarray:
        """(n, height, width) uint8: 1 inside the instance, 0 elsewhere; see `results.masks`."""
        return dense_masks(self)

    def to_shapely(self) -> list[Any]:
        """A shapely Polygon or MultiPolygon an instance, valid: see `valid_polygons.mend`."""
        return [mend(instance.components).geometry for instance in self]

    def to_coco(
        self,
        image_id: int,
        *,
        segmentation: Literal["polygon", "rle"] = "polygon",
        decimals: int = 2,
    ) -> list[dict[str, Any]]:
        """COCO results, one dictionary per instance: see `formats.coco.coco_results`."""
        return coco_results(self, image_id, segmentation=segmentation, decimals=decimals)

    def to_labelme(self, image_path: str | None = None, *, decimals: int = 2) -> dict[str, Any]:
        """A LabelMe document: see `formats.labelme.labelme_document`."""
        return labelme_document(self, image_path, decimals=decimals)

    def to_geojson(self, *, decimals: int = 2) -> dict[str, Any]:
        """A GeoJSON FeatureCollection in pixels: see `formats.geojson.feature_collection`."""
        return feature_collection(self, decimals=decimals)

    def to_supervision(self, *, masks: bool = True) -> Any:
        """A `supervision.Detections`: see `formats.supervision.detections`."""
        return detections(self, masks=masks)

    def to_geopandas(self, *, decimals: int | None = None) -> Any:
        """A `geopandas.GeoDataFrame`: see `formats.data_frame.geo_data_frame`."""
        return geo_data_frame(self, decimals=decimals)

    def to_dict(self, *, decimals: int = 2) -> dict[str, Any]:
        """The document of the native format with this one image (docs/contours.md)."""
        return document([self], decimals=decimals)

    def to_json(self, *, decimals: int = 2, indent: int | None = None) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(decimals=decimals), indent=indent, allow_nan=False)

    @classmethod
    def from_coco(
        cls,
        entries: Sequence[Mapping[str, Any]],
        *,
        height: int,
        width: int,
        categories: Mapping[int, str],
        source: str | None = None,
    ) -> Contours:
        """COCO's annotations or results of one image: see `formats.from_coco.from_coco`."""
        return from_coco(
            cls, entries, height=height, width=width, categories=categories, source=source
        )

    @classmethod
    def from_masks(
        cls,
        masks: np.ndarray,
        *,
        class_names: Sequence[str] = ("object",),
        labels: Sequence[int] | np.ndarray | None = None,
        scores: Sequence[float] | np.ndarray | None = None,
        source: str | None = None,
    ) -> Contours:
        """Masks (n, H, W) or numbers of objects (H, W): see `formats.from_masks.from_masks`."""
        return from_masks(
            cls, masks, class_names=class_names, labels=labels, scores=scores, source=source
        )

    @classmethod
    def from_labelme(
        cls, document: Mapping[str, Any], *, class_names: Sequence[str] | None = None
    ) -> Contours:
        """A LabelMe document: see `formats.from_labelme.from_labelme`."""
        return from_labelme(cls, document, class_names=class_names)

    @classmethod
    def from_dict(cls, value: Any, *, name: str = "contours") -> Contours:
        """The contours in a native document of exactly one image; `name` is used in messages.

        Raises:
            InputError: not such a document.
        """
        images = read_images(value, cls, name=name)
        if len(images) != 1:
            raise InputError(f"{name}: holds {len(images)} images where one is expected")
        return images[0]

    @classmethod
    def from_json(cls, text: str, *, name: str = "contours") -> Contours:
        """The contours in the JSON text of a native document of exactly one image.

        Raises:
            InputError: not JSON, or not such a document.
        """
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}: not valid JSON ({error})") from error
        return cls.from_dict(value, name=name)
