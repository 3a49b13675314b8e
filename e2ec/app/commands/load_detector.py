"""A model as the options of a command ask for it: `demo.py` and `e2ec predict` alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from dataset.transforms.test_transform import ViewMode
from e2ec.app.commands.mending_options import change_mending
from e2ec.app.commands.options import usage_error
from e2ec.app.commands.view_options import change_view
from e2ec.app.limited_view import LimitedView
from e2ec.config import ContourSmoothing, Precision
from e2ec.engine.predict.predictor import Predictor, load_model


class DetectorOptions(Protocol):
    """What such a command is told about its model; None leaves it to the weights."""

    @property
    def weights(self) -> Path | None: ...
    @property
    def preset(self) -> str | None: ...
    @property
    def stage(self) -> str | None: ...
    @property
    def view(self) -> ViewMode | None: ...
    @property
    def view_size(self) -> tuple[int, int] | None: ...
    @property
    def zoom(self) -> float | None: ...
    @property
    def contour_filter(self) -> bool | None: ...
    @property
    def contour_smoothing(self) -> ContourSmoothing | None: ...
    @property
    def device(self) -> str: ...
    @property
    def precision(self) -> Precision: ...
    @property
    def cuda_graphs(self) -> bool: ...


def load_detector(options: DetectorOptions) -> Predictor:
    """The model; huge images are shown smaller, unless a view is asked for.

    Ends with status 2 where the weights' family has no such stage.

    Raises:
        InputError: the weights are unusable or find nothing by themselves, or do not have what an
            option changes.
    """
    model = load_model(
        options.weights,
        device=options.device,
        preset=options.preset,
        precision=options.precision,
        cuda_graphs=options.cuda_graphs,
    )
    model.require_detector()
    if options.stage is not None:
        try:
            model.family.check_stage(options.stage)
        except ValueError as error:
            usage_error(error)
    change_mending(
        model,
        contour_filter=options.contour_filter,
        contour_smoothing=options.contour_smoothing,
    )
    changed = change_view(model, mode=options.view, size=options.view_size, zoom=options.zoom)
    if changed:
        print(changed)
    else:
        model.card = replace(model.card, view=LimitedView.of(model.card.view))
    return model
