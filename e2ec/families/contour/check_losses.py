"""Whether the losses of a run have something to teach: found out before training."""

from __future__ import annotations

from e2ec.config import Config
from e2ec.families.contour.model_settings import model_settings
from e2ec.families.contour.stages import resolve_stage, stage_names
from lib.errors import InputError

CONTOUR_WEIGHTS = ("contour_weight", "steps_weight", "distillation_weight")
"""The weights, 0 by default, of losses of contours."""


def check_losses(config: Config, refinements: int) -> None:
    """Refuse losses of what does not learn, or of what there is not.

    Args:
        config: of the run, nothing in it open any more.
        refinements: number of refinement modules of the network.

    Raises:
        InputError: names the setting.
    """
    loss, model = config.loss, model_settings(config)
    if model.sharp.training == "alone":
        _check_sharp_alone(config)
    for head in ("boundary_map", "contour_iou"):
        if getattr(model, head) and getattr(loss, f"{head}_weight") == 0:
            raise InputError(
                f"model.{head} learns nothing while loss.{head}_weight is 0: give it a weight, or "
                "leave the head out"
            )
    if loss.distillation_weight > 0 and config.train.ema_decay == 0:
        raise InputError(
            "loss.distillation_weight compares with the moving average, which train.ema_decay 0 "
            "turns off: give --train.ema-decay 0.999, or leave the loss out"
        )
    if loss.contour_weight > 0 and loss.contour.stage != "refinements":
        names = stage_names(refinements, coarse=model.global_deformation)
        resolve_stage(loss.contour.stage or names[-1], names)


def _check_sharp_alone(config: Config) -> None:
    for name in CONTOUR_WEIGHTS:
        if getattr(config.loss, name) > 0:
            raise InputError(
                f"loss.{name} supervises contours, which model.sharp.training alone leaves as they "
                "are: set it to 0, or train jointly"
            )
    if model_settings(config).boundary_map:
        raise InputError(
            "model.boundary_map: a head of its own, which model.sharp.training alone would not "
            "teach; leave it out, or train jointly"
        )
