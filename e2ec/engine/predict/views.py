"""Views of an image at test time: mirrored and of several sizes, each predicted by itself.

A mirrored image has its pixel columns (rows) reversed; a point at x lies there at width - x. What
is found in a view comes back through the exact inverse of the map that showed it, and contours that
were walked the other way in a mirror are turned round, the first vertex staying the first. What
then becomes of all views is said in `e2ec.results.postprocess.merge_views`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dataset.transforms.test_transform import TestView
from e2ec.config import EvalConfig, Flips
from e2ec.families.family import Family
from e2ec.families.model_card import ModelCard
from e2ec.results.contours import Contours
from e2ec.results.postprocess.merge_views import merge_views
from lib.errors import InputError

_MIRRORS: dict[str, tuple[tuple[bool, bool], ...]] = {
    "none": ((False, False),),
    "horizontal": ((False, False), (True, False)),
    "vertical": ((False, False), (False, True)),
    "both": ((False, False), (True, False), (False, True), (True, True)),
}


@dataclass(frozen=True)
class OneView:
    """One way to see an image."""

    mirror_x: bool = False
    """Left and right change places."""
    mirror_y: bool = False
    """Top and bottom change places."""
    scale: float = 1.0
    """Times the zoom of the model's own view."""

    def show(
        self, image: np.ndarray, view: TestView, source: str | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The input (h, w, 3) uint8 and the (2, 3) map to it from the image as it is, not mirrored.

        Args:
            image: (H, W, 3) uint8 RGB.
            view: the model's own.
            source: names the image in messages.

        Raises:
            InputError: as `TestView.apply`.
        """
        height, width = image.shape[:2]
        if self.mirror_x or self.mirror_y:
            rows, columns = (-1 if back else 1 for back in (self.mirror_y, self.mirror_x))
            image = np.ascontiguousarray(image[::rows, ::columns])
        if self.scale != 1:
            view = replace(view, zoom=view.zoom * self.scale)
        pixels, matrix = view.apply(image, source)
        mirror = np.eye(3)
        if self.mirror_x:
            mirror[0] = -1.0, 0.0, width
        if self.mirror_y:
            mirror[1] = 0.0, -1.0, height
        plain = not (self.mirror_x or self.mirror_y)
        return pixels, matrix if plain else matrix @ mirror

    def restore(self, found: Contours) -> Contours:
        """What was found, walked as contours are: one mirror turns the direction, two do not."""
        if self.mirror_x == self.mirror_y:
            return found
        return replace(
            found, parts=[[np.roll(part[::-1], 1, axis=0) for part in own] for own in found.parts]
        )


@dataclass(frozen=True)
class Views:
    """The views of every image; the default is the image itself."""

    flips: Flips = "none"
    """Mirrors: none; horizontal, left for right; vertical; both, four views with the image itself
    and the one turned by half."""
    scales: tuple[float, ...] = (1.0,)
    """Times the zoom of the model's own view."""

    def __post_init__(self) -> None:
        EvalConfig(flips=self.flips, scales=self.scales)  # the same limits as in the settings

    def __iter__(self) -> Iterator[OneView]:
        for scale in self.scales:
            for mirror_x, mirror_y in _MIRRORS[self.flips]:
                yield OneView(mirror_x, mirror_y, scale)

    @property
    def plain(self) -> bool:
        """Whether there is nothing but the image itself."""
        return tuple(self) == (OneView(),)


def checked_views(views: Views, family: Family[Any, Any]) -> Views:
    """The views, which the family must be able to merge.

    Raises:
        InputError: it is not.
    """
    if not family.merges:
        raise InputError(
            f"models of the family {family.name} cannot be tested in several views: leave out "
            "eval.flips and eval.scales"
        )
    return views


PredictView = Callable[[OneView, float], list[dict[str, Contours]]]
"""A view and a score threshold -> the result of every image at every stage, seen in it."""


def predict_views(
    predict: PredictView, views: Views, score_threshold: float, card: ModelCard
) -> list[dict[str, Contours]]:
    """What is found in all views, merged stage by stage.

    In a single view an instance may have a lower score than the threshold, but none lower than the
    model's own: only the merged score is to reach it.

    Args:
        predict: the images, seen in one view.
        views: one or more.
        score_threshold: of the result.
        card: of the model.
    """
    if views.plain:
        return predict(OneView(), score_threshold)
    least = min(score_threshold, card.score_threshold)
    found = [(view, predict(view, least)) for view in views]
    return [
        {
            stage: merge_views(
                [view.restore(of_images[i][stage]) for view, of_images in found],
                min_score=score_threshold,
                max_instances=card.max_detections,
            )
            for stage in stages
        }
        for i, stages in enumerate(found[0][1])
    ]
