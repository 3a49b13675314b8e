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
from e2ec.families.contour.backbone import (
    backbone_of_card,
    described_backbone,
    rate_factors,
    start_parts,
)
from e2ec.families.contour.build import build
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.draw_example import label_sheet
from e2ec.families.contour.examples import contour_examples
from e2ec.families.contour.final_scores import least_center_score
from e2ec.families.contour.mending_settings import mending_fields
from e2ec.families.contour.model_settings import contour_start, model_settings
from e2ec.families.contour.stages import check_stage, depth_of, resolve_stage
from e2ec.families.contour.untransferred import untransferred
from e2ec.families.family import Family, ShownImage
from e2ec.families.model_card import prediction_settings
from e2ec.families.refine_rings import refine_rings
from e2ec.losses.total import TotalLoss, first_epoch
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES
from network.contour.contour_network import BoundaryPoints, NetworkOutput
from network.contour.e2ec import E2EC
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
    merges: ClassVar[bool] = True
    # The others change their meaning on the way.
    falling_losses: ClassVar = {"center": "centres", "coarse": "coarse contours"}

    check_stage = staticmethod(check_stage)
    resolve_stage = staticmethod(resolve_stage)
    collate = staticmethod(collate)
    resolve = staticmethod(resolve)
    untransferred = staticmethod(untransferred)
    instances = staticmethod(assemble)
    build = staticmethod(build)

    def start_parts(self, config: Config, network: E2EC) -> None:
        start_parts(config, network)

    def rate_factors(self, config: Config) -> dict[str, float]:
        return rate_factors(model_settings(config))

    def from_state(self, state: Mapping[str, Tensor], card: ContourCard, *, name: str) -> E2EC:
        architecture = ARCHITECTURES[card.architecture]
        network = network_from_state(
            state,
            name=name,
            architecture=architecture,
            clip=card.clip,
            backbone=backbone_of_card(card, state, name=name),
            start=card.start,
            vertices=card.box_vertices,
        )
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
        model = model_settings(config)
        movement = None if model.sharp.training == "off" else model.sharp.movement
        return TotalLoss(
            config.loss,
            movement,
            epochs=config.train.epochs,
            boundary_map=model.boundary_map,
            judged=model.contour_iou,
            boxes=model.initial != "learned",
        )

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

    def wants_teacher(self, config: Config, *, epoch: int) -> bool:
        start = first_epoch(config.loss.distillation_start, config.train.epochs)
        return config.loss.distillation_weight > 0 and epoch >= start

    def taught(
        self, output: NetworkOutput, teacher: nn.Module, images: Tensor, batch: Batch
    ) -> NetworkOutput:
        teacher.eval()  # its statistics are averages too; nobody else runs it, only copies of it
        with torch.no_grad():
            own = teacher(
                images, batch.centers, batch.image_index, max_per_image=batch.max_per_image
            )
        return replace(output, teacher=own)

    def label_sheet(
        self, config: Config, examples: TrainingDataset, *, title: str, count: int
    ) -> np.ndarray | None:
        data = config.data
        return label_sheet(examples, data.augmentation, data.targets, title=title, count=count)

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
        return self.predict_shown(
            prepared, images, (), card, score_threshold=score_threshold, stages=()
        )

    def predict_shown(
        self,
        prepared: PreparedNetwork,
        images: Tensor,
        shown: Sequence[ShownImage],
        card: ContourCard,
        *,
        score_threshold: float,
        stages: Sequence[str],
    ) -> NetworkOutput:
        """No stage after the last of `stages` is made; all where none is named."""
        power = 0.0 if prepared.judging is None else card.iou_power
        output: NetworkOutput = prepared(
            images,
            score_threshold=least_center_score(score_threshold, power),
            max_detections=card.max_detections,
            depth=depth_of(stages, prepared.stage_names),
        )
        # Without IoUs scores are final in the network, which has left out what is to be.
        output.least_score = score_threshold if power > 0 else 0.0
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
            "iou_power": config.eval.iou_power,
            "evolution": config.eval.evolution,
            **mending_fields(config),
        }

    def network_fields(self, config: Config) -> dict[str, Any]:
        start = contour_start(config)
        return {
            "backbone": described_backbone(config),
            "start": start,
            "box_vertices": None if start.initial == "learned" else config.data.targets.vertices,
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


CONTOUR = ContourFamily()
