"""The result type: the contours of the instances of one image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from e2ec.results.one_line import one_line
from lib.errors import InputError
from lib.ops import rasterize_polygons
from lib.polygons.geometry import area, bounding_box, clip_far

_CLASSES_SHOWN = 4


@dataclass(frozen=True, eq=False, repr=False)
class ContourInstance:
    """One instance: its class, its score, and its contour in one or several parts.

    Attributes:
        label: index of the class.
        class_name: name of the class.
        score: confidence, 0 to 1.
        parts: closed polygons, each (N, 2) float64, x then y, pixels of the original image, the
            centre of the top-left pixel at (0.5, 0.5); the last point does not repeat the first.
    """

    label: int
    class_name: str
    score: float
    parts: list[np.ndarray]

    def __repr__(self) -> str:
        points = sum(len(part) for part in self.parts)
        x0, y0, x1, y1 = self.box
        return (
            f"ContourInstance({one_line(self.class_name)}, score {self.score:.2f}, "
            f"box {x0:.1f} {y0:.1f} {x1:.1f} {y1:.1f}, {_counted(len(self.parts), 'part')}, "
            f"{points} points)"
        )

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The smallest box (x0, y0, x1, y1) around all parts, in pixels."""
        x0, y0, x1, y1 = bounding_box(np.concatenate(self.parts))
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def area(self) -> float:
        """The sum of the areas of the parts in square pixels; an overlap of parts counts twice."""
        return float(sum(area(part) for part in self.parts))


@dataclass(frozen=True, eq=False, repr=False)
class Contours:
    """The instances found in, or labelled on, one image of `height` x `width` pixels.

    Contours may leave the image, as those of whole objects do that the image shows a part of. They
    are kept, and written, as they are; masks, and box and area of COCO results, are of the part
    inside the image.

    Attributes:
        height, width: size of the original image in pixels.
        class_names: name of every class, by class index.
        labels: (n,) int64, class index of every instance.
        scores: (n,) float64, 0 to 1; labels of a data set have score 1.
        parts: one list per instance with at least one part, an (N, 2) float64 array with N >= 3,
            x then y, pixels of the original image, centre of the top-left pixel at (0.5, 0.5).
        category_ids: COCO category id of every class; empty stands for 1, 2, ..., C.
        source: name of the image file or video the contours belong to.

    Raises:
        ValueError: lengths disagree, a number is not finite or out of range, or a part has fewer
            than three points.
    """

    height: int
    width: int
    class_names: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    parts: list[list[np.ndarray]]
    category_ids: tuple[int, ...] = ()
    source: str | None = None

    def __post_init__(self) -> None:
        # The class is frozen so that a checked object stays checked; hence object.__setattr__.
        put = object.__setattr__
        put(self, "height", int(self.height))
        put(self, "width", int(self.width))
        put(self, "class_names", tuple(self.class_names))
        put(self, "labels", _vector(self.labels, np.int64, "labels"))
        put(self, "scores", _vector(self.scores, np.float64, "scores"))
        put(self, "parts", [_checked_parts(parts, i) for i, parts in enumerate(self.parts)])
        ids = tuple(int(i) for i in self.category_ids or range(1, len(self.class_names) + 1))
        put(self, "category_ids", ids)
        self._check()

    def _check(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"image size must be positive, not {self.height} x {self.width}")
        if not len(self.labels) == len(self.scores) == len(self.parts):
            raise ValueError(
                f"{len(self.labels)} labels, {len(self.scores)} scores and {len(self.parts)} "
                "contours do not belong together"
            )
        if len(set(self.category_ids)) != len(self.class_names):
            raise ValueError(
                f"{len(self.class_names)} classes need as many different category ids, "
                f"not {self.category_ids}"
            )
        if np.any((self.labels < 0) | (self.labels >= len(self.class_names))):
            raise ValueError(f"labels must be class indices below {len(self.class_names)}")
        if not np.all((self.scores >= 0) & (self.scores <= 1)):
            raise ValueError("scores must lie between 0 and 1")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        found = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
        text = f"{_counted(len(self), 'instance')}, {self.width} x {self.height} px"
        if found:
            shown = [f"{counts[i]} {one_line(self.class_names[i])}" for i in found[:_CLASSES_SHOWN]]
            more = [f"{len(found) - len(shown)} more classes"] if len(found) > len(shown) else []
            text += f": {', '.join([*shown, *more])}"
            text += f"; scores {self.scores.min():.2f} to {self.scores.max():.2f}"
        return f"Contours({text}{f'; source {one_line(self.source)!r}' if self.source else ''})"

    def __getitem__(self, index: int | slice | np.ndarray | Sequence[Any]) -> Contours:
        """Some of the instances: an index, a slice, a boolean mask (n,) or an array of indices."""
        chosen = np.atleast_1d(np.arange(len(self))[_as_index(index)])
        return replace(
            self,
            labels=self.labels[chosen],
            scores=self.scores[chosen],
            parts=[self.parts[i] for i in chosen],
        )

    def __iter__(self) -> Iterator[ContourInstance]:
        for label, score, parts in zip(self.labels, self.scores, self.parts, strict=True):
            yield ContourInstance(int(label), self.class_names[label], float(score), parts)

    def boxes(self) -> np.ndarray:
        """(n, 4) float64: the box x0, y0, x1, y1 of every instance, in pixels."""
        return np.array([instance.box for instance in self], np.float64).reshape(-1, 4)

    def areas(self) -> np.ndarray:
        """(n,) float64: the area of every instance, in square pixels (see ContourInstance.area)."""
        return np.array([instance.area for instance in self], np.float64)

    def filter(self, *, min_score: float) -> Contours:
        """The instances with a score of at least `min_score`."""
        return self[self.scores >= min_score]

    def to_masks(self) -> np.ndarray:
        """(n, height, width) uint8: 1 inside any part of the instance, 0 elsewhere.

        Every part is rasterised as COCO's tools do it; what lies outside the image is cut off.
        """
        if len(self) == 0:
            return np.zeros((0, self.height, self.width), np.uint8)
        polygons = [
            clip_far(part, self.width, self.height) for parts in self.parts for part in parts
        ]
        masks = rasterize_polygons(polygons, self.height, self.width).numpy()
        counts = np.array([len(parts) for parts in self.parts])
        if np.all(counts == 1):
            return masks
        return np.maximum.reduceat(masks, np.cumsum(counts) - counts, axis=0)

    # The formats build on this type, so they are imported where they are used.

    def to_shapely(self) -> list[Any]:
        """A shapely Polygon or MultiPolygon an instance, valid: see `valid_polygons.mend`."""
        from e2ec.results.postprocess.valid_polygons import mend

        return [mend([(part, []) for part in parts]).geometry for parts in self.parts]

    def to_coco(
        self,
        image_id: int,
        *,
        segmentation: Literal["polygon", "rle"] = "polygon",
        decimals: int = 2,
    ) -> list[dict[str, Any]]:
        """COCO results, one dictionary per instance: see `formats.coco.coco_results`."""
        from e2ec.results.formats.coco import coco_results

        return coco_results(self, image_id, segmentation=segmentation, decimals=decimals)

    def to_labelme(self, image_path: str | None = None, *, decimals: int = 2) -> dict[str, Any]:
        """A LabelMe document: see `formats.labelme.labelme_document`."""
        from e2ec.results.formats.labelme import labelme_document

        return labelme_document(self, image_path, decimals=decimals)

    def to_geojson(self, *, decimals: int = 2) -> dict[str, Any]:
        """A GeoJSON FeatureCollection in pixels: see `formats.geojson.feature_collection`."""
        from e2ec.results.formats.geojson import feature_collection

        return feature_collection(self, decimals=decimals)

    def to_dict(self, *, decimals: int = 2) -> dict[str, Any]:
        """The document of the native format with this one image (docs/contours.md)."""
        from e2ec.results.formats.native import document

        return document([self], decimals=decimals)

    def to_json(self, *, decimals: int = 2, indent: int | None = None) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(decimals=decimals), indent=indent, allow_nan=False)

    @classmethod
    def from_dict(cls, value: Any, *, name: str = "contours") -> Contours:
        """The contours in a native document of exactly one image; `name` is used in messages.

        Raises:
            InputError: not such a document.
        """
        from e2ec.results.formats.native import read_document

        images = read_document(value, name=name)
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

    @property
    def source_name(self) -> str:
        """The file name of `source` without its folder, or an empty string."""
        return Path(self.source).name if self.source else ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _vector(values: Any, dtype: type, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        array = np.zeros(0, dtype)
    if array.ndim != 1:
        raise ValueError(f"{what} must be one-dimensional, not {array.shape}")
    if np.issubdtype(dtype, np.integer) and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{what} must be integers, not {array.dtype}")
    return array.astype(dtype)


def _checked_parts(parts: Sequence[Any], index: int) -> list[np.ndarray]:
    arrays = [np.asarray(part, np.float64) for part in parts]
    if not arrays:
        raise ValueError(f"instance {index} has no parts")
    for array in arrays:
        if array.ndim != 2 or array.shape[1] != 2 or len(array) < 3:
            raise ValueError(
                f"instance {index}: a part must be (N, 2) with N >= 3, not {array.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"instance {index}: a coordinate is not finite")
    return arrays


def _as_index(index: Any) -> Any:
    if isinstance(index, (int, np.integer, slice)):
        return index
    array = np.asarray(index)
    return array.astype(np.int64) if array.size == 0 and array.dtype != bool else array
