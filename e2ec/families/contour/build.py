"""Networks of contours, made from the settings of a run."""

from __future__ import annotations

from dataclasses import replace

from e2ec.config import Config
from e2ec.families.contour.backbone import own_backbone
from e2ec.families.contour.check_losses import check_losses
from e2ec.families.contour.model_settings import contour_start, model_settings
from e2ec.families.contour.stages import resolve_stage, stage_names
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES, Architecture
from network.contour.e2ec import E2EC, build_network


def build(config: Config, num_classes: int) -> E2EC:
    """A network with random weights, in training mode.

    Raises:
        InputError: settings that do not go together.
    """
    model, sizes = model_settings(config), _sizes(config)
    sharp = model.sharp
    if config.eval.stage is not None:  # found out now, not at the first evaluation
        names = stage_names(
            sizes.refinements,
            sharp=sharp.training != "off",
            coarse=model.global_deformation,
        )
        resolve_stage(config.eval.stage, names)
    if sharp.training == "alone" and config.model.weights is None:
        raise InputError(
            "model.sharp.training alone teaches the stage sharp on weights that stay as they "
            "are: name them by --model.weights FILE, or train jointly"
        )
    check_losses(config, sizes.refinements)
    network = build_network(
        num_classes=num_classes,
        architecture=sizes,
        vertices=config.data.targets.vertices,
        part_votes=model.multi_component,
        sharp=None if sharp.training == "off" else sharp.movement,
        boundary_map=model.boundary_map,
        backbone=own_backbone(config),
        contour_iou=model.contour_iou,
        start=contour_start(config),
    )
    if sharp.training == "alone":
        network.freeze_all_but_sharp()
    return network


def _sizes(config: Config) -> Architecture:
    """The sizes that the settings name, with the refinement modules and the width they want."""
    named, model = ARCHITECTURES[config.model.architecture], model_settings(config)
    return replace(
        named,
        refinements=model.refinements or named.refinements,
        global_hidden=model.global_hidden or named.global_hidden,
    )
