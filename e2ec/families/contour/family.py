"""The contour family: E2EC behind the interface of families."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from dataset.contour.boundary_points import BoundaryPointSettings
from dataset.contour.targets import Batch, TrainingExample, collate
from dataset.formats.coco.categories import COCO_CATEGORIES
from dataset.loading.loader import TrainingDataset
from dataset.loading.sample import Sample
from dataset.masks.rings import Component
from e2ec.config import Config, Precision
from e2ec.families.contour.assemble import assemble
from e2ec.families.contour.auto.resolve import resolve
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.draw_example import label_sheet
from e2ec.families.contour.examples import contour_examples
from e2ec.families.contour.model_settings import model_settings
from e2ec.families.contour.stages import check_stage, resolve_stage, stage_names
from e2ec.families.family import Family, ShownImage
from e2ec.families.model_card import prediction_settings
from e2ec.families.refine_rings import refine_rings
from e2ec.losses.total import TotalLoss
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES, Architecture
from network.contour.contour_network import BoundaryPoints, NetworkOutput
from network.contour.e2ec import E2EC, build_network
from network.contour.weights import network_from_state
from network.inference.compile import compile_network
from network.inference.cuda_graphs import graph_network
from network.inference.prepare import for_prediction
from network.inference.prepared import PreparedNetwork
from network.layers.precision import PRECISIONS
from network.published import load_published
from network.sharp.settings import EvolutionSettings


class ContourFamily(Family[E2EC, TrainingExample]):
    """E2EC: a centre, a contour, its refinements. See `Family` for what each method promises."""

    name: ClassVar[str] = "contour"
    card_type = ContourCard
    # The others change their meaning on the way.
    falling_losses: ClassVar = {"center": "centres", "coarse": "coarse contours"}

    check_stage = staticmethod(check_stage)
    resolve_stage = staticmethod(resolve_stage)
    collate = staticmethod(collate)
    resolve = staticmethod(resolve)
    instances = staticmethod(assemble)

    def build(self, config: Config, num_classes: int) -> E2EC:
        model = model_settings(config)
        sharp = model.sharp
        if config.eval.stage is not None:  # found out now, not at the first evaluation
            names = stage_names(_sizes(config).refinements, sharp=sharp.training != "off")
            self.resolve_stage(config.eval.stage, names)
        if sharp.training == "alone" and config.model.weights is None:
            raise InputError(
                "model.sharp.training alone teaches the stage sharp on weights that stay as they "
                "are: name them by --model.weights FILE, or train jointly"
            )
        if config.loss.contour_weight > 0:
            _check_contour_loss(config)
        network = build_network(
            num_classes=num_classes,
            architecture=_sizes(config),
            vertices=config.data.targets.vertices,
            part_votes=model.multi_component,
            sharp=None if sharp.training == "off" else sharp.movement,
        )
        if sharp.training == "alone":
            network.freeze_all_but_sharp()
        return network

    def from_state(self, state: Mapping[str, Tensor], card: ContourCard, *, name: str) -> E2EC:
        architecture = ARCHITECTURES[card.architecture]
        network = network_from_state(state, name=name, architecture=architecture, clip=card.clip)
        try:
            self.resolve_stage(card.stage, self.stages(network))
        except InputError as error:
            raise InputError(f"{name}: its description names {error}") from error
        return network

    def num_classes(self, network: E2EC) -> int:
        return network.num_classes

    def stages(self, network: E2EC) -> tuple[str, ...]:
        return network.stage_names

    def example_maker(
        self, config: Config, num_classes: int
    ) -> Callable[[Sample, np.random.Generator], TrainingExample]:
        return contour_examples(config, num_classes, _boundary_points(config))

    def loss(self, config: Config) -> TotalLoss:
        sharp = model_settings(config).sharp
        movement = None if sharp.training == "off" else sharp.movement
        return TotalLoss(config.loss, movement, epochs=config.train.epochs)

    def forward(self, network: nn.Module, images: Tensor, batch: Batch) -> NetworkOutput:
        near = batch.boundary
        boundary = None if near is None else BoundaryPoints(near.boxes, near.points)
        output: NetworkOutput = network(
            images,
            batch.centers,
            batch.image_index,
            max_per_image=batch.max_per_image,
            boundary=boundary,
        )
        return output

    def label_sheet(
        self, config: Config, examples: TrainingDataset, *, title: str, count: int
    ) -> np.ndarray | None:
        data = config.data
        return label_sheet(examples, data.augmentation, data.targets, title=title, count=count)

    def untransferred(self, source: E2EC, network: E2EC) -> tuple[str, ...]:
        """The classifier where the class counts differ, and part votes and SharpContour that one of
        them lacks or has in another way.

        Raises:
            InputError: what would keep its random start learns nothing either.
        """
        classifier = source.num_classes != network.num_classes
        votes = source.part_votes is None or network.part_votes is None
        if network.sharp_alone and classifier:
            raise InputError(
                f"model.sharp.training alone: the weights know {source.num_classes} classes, the "
                f"data have {network.num_classes}, and nobody would learn them; start from weights "
                "of the same classes, or train jointly"
            )
        if network.sharp_alone and votes and network.part_votes is not None:
            raise InputError(
                "model.sharp.training alone: the weights have no part votes, and nobody would "
                "learn them; leave model.multi_component out, or train jointly"
            )
        ways = {one.sharp and one.sharp.movement for one in (source, network)}
        sharp = None in ways or len(ways) > 1
        return ("heatmap.2.",) * classifier + ("part_votes.",) * votes + ("sharp.",) * sharp

    def prepare(
        self,
        network: E2EC,
        *,
        device: torch.device,
        precision: Precision,
        compile: bool,
        cuda_graphs: bool,
    ) -> PreparedNetwork:
        prepared = for_prediction(network, PRECISIONS[precision], device)
        if compile:
            prepared = compile_network(prepared)
        if cuda_graphs:
            prepared = graph_network(prepared)
        return prepared

    def predict(
        self,
        prepared: PreparedNetwork,
        images: Tensor,
        card: ContourCard,
        *,
        score_threshold: float,
    ) -> NetworkOutput:
        output: NetworkOutput = prepared(
            images,
            score_threshold=score_threshold,
            max_detections=card.max_detections,
        )
        return output

    def refine(
        self,
        prepared: PreparedNetwork,
        images: Tensor,
        shown: ShownImage,
        instances: Sequence[Sequence[Component]],
        card: ContourCard,
        *,
        evolution: EvolutionSettings | None = None,
    ) -> list[list[Component]]:
        sharp = prepared.sharpening
        if sharp is None:
            raise InputError(
                "these weights have no stage sharp, which refines outlines; use weights that were "
                "trained with it (--model.sharp.training joint, or alone on these)"
            )
        if not instances:
            return []
        features = prepared.network.shared_map(images)
        return refine_rings(
            sharp, features, shown, instances, evolution=evolution or card.evolution
        )

    def card_fields(self, config: Config) -> dict[str, Any]:
        return {
            "nms_iou": config.eval.nms_iou,
            "group_parts": config.eval.group_parts,
            "evolution": config.eval.evolution,
        }

    def describe(self, network: E2EC) -> dict[str, tuple[int, str]]:
        return {"vertices": (network.vertices, "a contour")}

    def published_network(self, path: Path) -> E2EC:
        return load_published(path)

    def published_card(self, network: E2EC, config: Config) -> ContourCard:
        """Published files hold no class names: COCO's are known, others are called by number."""
        numbers = range(1, network.num_classes + 1)
        classes = {number: f"class {number}" for number in numbers}
        if len(classes) == len(COCO_CATEGORIES):
            classes = COCO_CATEGORIES
        return ContourCard(
            architecture="dla34",
            class_names=tuple(classes.values()),
            category_ids=tuple(classes),
            **prediction_settings(config),
            **self.card_fields(config),
            clip=network.clip,
        )


def _boundary_points(config: Config) -> BoundaryPointSettings | None:
    """What SharpContour learns from, where there is one."""
    sharp = model_settings(config).sharp
    if sharp.training == "off":
        return None
    return BoundaryPointSettings(sharp.points, sharp.spread, sharp.box_jitter)


def _check_contour_loss(config: Config) -> None:
    """Its stage must be one that the network has, and that learns."""
    if model_settings(config).sharp.training == "alone":
        raise InputError(
            "loss.contour_weight supervises contours, which model.sharp.training alone leaves as "
            "they are: set it to 0, or train jointly"
        )
    names = stage_names(_sizes(config).refinements)
    resolve_stage(config.loss.contour.stage or names[-1], names)


def _sizes(config: Config) -> Architecture:
    """The sizes that the settings name, with the number of refinement modules they want."""
    named = ARCHITECTURES[config.model.architecture]
    wanted = model_settings(config).refinements
    return named if wanted is None else replace(named, refinements=wanted)


CONTOUR = ContourFamily()
