"""A view that shows huge images smaller, where nobody asked for their full size."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np

from dataset.transforms.test_transform import TestView

MOST_PIXELS = 1 << 24
"""Of the network's input. More take half a minute on two cores, and gigabytes."""


@dataclass(frozen=True)
class LimitedView(TestView):
    """The same as the `TestView` it is made of, up to inputs of `most_pixels`; larger ones are
    shown at a lower zoom, which makes them about that large."""

    most_pixels: int = MOST_PIXELS

    @classmethod
    def of(cls, view: TestView) -> LimitedView:
        return cls(**{field.name: getattr(view, field.name) for field in fields(view)})

    def zoom_for(self, height: int, width: int) -> float:
        """The zoom at which an image is shown."""
        input_height, input_width = super().geometry(height, width)[0]
        return self.zoom * min(1.0, math.sqrt(self.most_pixels / (input_height * input_width)))

    def geometry(self, height: int, width: int) -> tuple[tuple[int, int], np.ndarray]:
        return TestView.geometry(replace(self, zoom=self.zoom_for(height, width)), height, width)

    def remark(self, name: str, height: int, width: int) -> str | None:
        """One line about an image that is shown smaller; None for others."""
        zoom = self.zoom_for(height, width)
        if zoom == self.zoom:
            return None
        return (
            f"{name}: {width} x {height} pixels are shown to the network at a zoom of {zoom:.2f} "
            f"instead of {self.zoom:g}, which takes less time and memory; --zoom {self.zoom:g} "
            "shows all of them"
        )
