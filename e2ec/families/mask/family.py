"""The mask family: Mask R-CNN, Mask Scoring R-CNN, BMask R-CNN and SEANet, on torchvision."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from dataset.contour.boundary_points import BoundaryPointSettings
from dataset.detection.targets import MaskBatch, MaskExample, build_mask_example, collate_masks
from dataset.formats.coco.categories import COCO_CATEGORIES
from dataset.loading.sample import InstanceDataset, Sample
from dataset.masks.rings import Component
from dataset.transforms.test_transform import shown_size
from e2ec.config import Config, MaskConfig, Precision
from e2ec.families.contour_losses import refuse_contour_losses
from e2ec.families.family import Family, ShownImage
from e2ec.families.mask import start_weights
from e2ec.families.mask.assemble import assemble
from e2ec.families.mask.card import STAGES, MaskCard
from e2ec.families.mask.losses import losses_of
from e2ec.families.mask.preprocess import normalize
from e2ec.families.model_card import prediction_settings
from e2ec.families.refine_rings import refine_rings
from e2ec.families.unused_settings import refuse_changed, refuse_mending
from e2ec.losses.mask_total import MaskTotalLoss
from lib.errors import InputError
from network.contour.contour_network import BoundaryPoints
from network.mask.build import build_mask_network
from network.mask.detector import MaskNetwork
from network.mask.outputs import Detections, TrainingOutput
from network.mask.weights import mask_network_from_state
from network.sharp.settings import EvolutionSettings


class MaskFamily(Family[MaskNetwork, MaskExample]):
    """Detectors with masks. See `Family` for what each method promises."""

    name: ClassVar[str] = "mask"
    card_type = MaskCard
    falling_losses: ClassVar = {"class": "classes", "mask": "masks"}

    normalize = staticmethod(normalize)
    collate = staticmethod(collate_masks)
    instances = staticmethod(assemble)
    start_state = staticmethod(start_weights.start_state)
    untransferred = staticmethod(start_weights.untransferred)

    def build(self, config: Config, num_classes: int) -> MaskNetwork:
        model = _model(config)
        sharp = model.sharp
        if config.eval.stage is not None:  # found out now, not at the first evaluation
            self.resolve_stage(config.eval.stage, STAGES[: 1 + (sharp.training != "off")])
        if sharp.training == "alone" and model.weights is None:
            raise InputError(
                "model.sharp.training alone teaches the stage sharp on weights that stay as they "
                "are: name them by --model.weights FILE, or train jointly"
            )
        refuse_contour_losses(config)
        if config.loss.contour_weight > 0:
            _check_contour_loss(config)
        movement = None if sharp.training == "off" else sharp.movement
        network = build_mask_network(model.network(), num_classes, movement=movement)
        if sharp.training == "alone":
            network.freeze_all_but_sharp()
        return network

    def from_state(self, state: Mapping[str, Tensor], card: MaskCard, *, name: str) -> MaskNetwork:
        network = mask_network_from_state(state, card.network, len(card.class_names), name=name)
        try:
            self.resolve_stage(card.stage, self.stages(network))
        except InputError as error:
            raise InputError(f"{name}: its description names {error}") from error
        return network

    def num_classes(self, network: MaskNetwork) -> int:
        return network.num_classes

    def stages(self, network: MaskNetwork) -> tuple[str, ...]:
        return network.stage_names

    def check_stage(self, stage: str) -> None:
        if stage not in STAGES:
            raise ValueError(f"stage must be one of {', '.join(STAGES)}, not {stage!r}")

    def example_maker(
        self, config: Config, num_classes: int
    ) -> Callable[[Sample, np.random.Generator], MaskExample]:
        data = config.data
        why = "detectors with masks learn from whole objects of one image, without a heat map"
        several = ("copy_paste_probability", "mosaic_probability")
        refuse_changed(data.augmentation, several, "data.augmentation", why)
        unused = ("parts", "heatmap", "ignore_unlearned", "pairing", "key_tolerance_share")
        refuse_changed(data.targets, unused, "data.targets", why)
        sharp = _model(config).sharp
        near = BoundaryPointSettings(sharp.points, sharp.spread, sharp.box_jitter)
        return partial(
            build_mask_example,
            augmentation=config.data.augmentation,
            num_classes=num_classes,
            smallest=0.0,
            boundary=None if sharp.training == "off" else near,
        )

    def loss(self, config: Config) -> MaskTotalLoss:
        return losses_of(config)

    def forward(self, network: nn.Module, images: Tensor, batch: MaskBatch) -> TrainingOutput:
        rows = [batch.image_index == i for i in range(len(images))]
        targets = [
            {"boxes": batch.boxes[own], "labels": batch.classes[own] + 1, "masks": batch.masks[own]}
            for own in rows
        ]
        near = batch.boundary
        boundary = None if near is None else BoundaryPoints(near.boxes, near.points)
        output: TrainingOutput = network(
            images, batch.sizes, targets, batch.seeds, boundary=boundary
        )
        return output

    def resolve(
        self, config: Config, train: InstanceDataset, *, processes: int
    ) -> tuple[Config, list[str]]:
        """Nothing is chosen from the data; what is said is what the run starts from."""
        lines = start_weights.start_lines(config, len(train.class_names))
        return replace(config, auto=()), lines

    def prepare(
        self,
        network: MaskNetwork,
        *,
        device: torch.device,
        precision: Precision,
        compile: bool,
        cuda_graphs: bool,
    ) -> MaskNetwork:
        if compile or cuda_graphs:
            raise InputError(
                "detectors with masks are neither compiled nor replayed; leave the option out"
            )
        prepared = copy.deepcopy(network).to(device).eval()
        # All channels of a pixel side by side; maps follow the weights.
        prepared.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return prepared

    def predict(
        self, prepared: MaskNetwork, images: Tensor, card: MaskCard, *, score_threshold: float
    ) -> Detections:
        """Of images that fill their input."""
        sizes = torch.tensor([images.shape[2:]] * len(images))
        return _detect(prepared, images, sizes, card, score_threshold)

    def predict_shown(
        self,
        prepared: MaskNetwork,
        images: Tensor,
        shown: Sequence[ShownImage],
        card: MaskCard,
        *,
        score_threshold: float,
        stages: Sequence[str],
    ) -> Detections:
        """Nothing is looked for beyond the image."""
        return _detect(prepared, images, _sizes(images, shown), card, score_threshold)

    def refine(
        self,
        prepared: MaskNetwork,
        images: Tensor,
        shown: ShownImage,
        instances: Sequence[Sequence[Component]],
        card: MaskCard,
        *,
        evolution: EvolutionSettings | None = None,
    ) -> list[list[Component]]:
        if prepared.sharp is None:
            raise InputError(
                "these weights have no stage sharp, which refines outlines; use weights that were "
                "trained with it (--model.sharp.training joint, or alone on these)"
            )
        if not instances:
            return []
        features = prepared.shared_map(images, _sizes(images, [shown]))
        return refine_rings(
            prepared.sharp, features, shown, instances, evolution=evolution or card.evolution
        )

    def card_fields(self, config: Config) -> dict[str, Any]:
        refuse_mending(config.eval, self.name)
        return {"nms_iou": config.eval.nms_iou, "evolution": config.eval.evolution}

    def network_fields(self, config: Config) -> dict[str, Any]:
        return {"network": _model(config).network()}

    def published_network(self, path: Path) -> MaskNetwork:
        """torchvision's Mask R-CNN, by path or name."""
        return start_weights.detector(path)

    def published_start(self, path: Path) -> nn.Module:
        """The same, or an ImageNet classifier, of which the backbone is taken."""
        return start_weights.start(path)

    def published_card(self, network: MaskNetwork, config: Config) -> MaskCard:
        """COCO's classes are known, others are called by number."""
        classes = {number: f"class {number}" for number in range(1, network.num_classes + 1)}
        if len(classes) == len(COCO_CATEGORIES):
            classes = COCO_CATEGORIES
        return MaskCard(
            architecture=network.settings.backbone,
            class_names=tuple(classes.values()),
            category_ids=tuple(classes),
            **prediction_settings(config),
            **self.card_fields(config),
            network=network.settings,
        )


def _detect(
    network: MaskNetwork,
    images: Tensor,
    sizes: Tensor,
    card: MaskCard,
    score_threshold: float,
) -> Detections:
    output = network(
        images,
        sizes,
        score_threshold=score_threshold,
        max_detections=card.max_detections,
        nms_iou=card.nms_iou,
    )
    assert isinstance(output, Detections)
    return output


def _sizes(images: Tensor, shown: Sequence[ShownImage]) -> Tensor:
    """What inputs show of their images, (B, 2) int64 height, width."""
    sizes = [shown_size(*image.extent[2:].tolist())[::-1] for image in shown]
    return torch.tensor(sizes).minimum(torch.tensor(images.shape[2:]))


def _check_contour_loss(config: Config) -> None:
    """It supervises masks, which must learn."""
    if _model(config).sharp.training == "alone":
        raise InputError(
            "loss.contour_weight supervises masks, which model.sharp.training alone leaves as they "
            "are: set it to 0, or train jointly"
        )
    if config.loss.contour.stage is not None:
        raise InputError(
            "loss.contour.stage names contours; detectors with masks have one stage that learns "
            "from it: leave it out"
        )


def _model(config: Config) -> MaskConfig:
    assert isinstance(config.model, MaskConfig)
    return config.model


MASK = MaskFamily()
