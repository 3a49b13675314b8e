"""The refiner family: SharpContour on a backbone of its own, without a detector.

It learns from points near the boundaries of labels and refines what others have found. It is
measured on labels that are perturbed on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from dataset.contour.boundary_points import BoundaryPointSettings
from dataset.contour.perturbation import perturbed
from dataset.contour.targets import Batch, TrainingExample, collate
from dataset.loading.loader import TrainingDataset
from dataset.loading.sample import InstanceDataset, Sample
from dataset.masks.rings import Component
from e2ec.config import Config, Precision, RefinerConfig
from e2ec.families.backbone_weights import start_backbone
from e2ec.families.contour.auto.resolve import choose
from e2ec.families.contour.draw_example import label_sheet
from e2ec.families.contour.examples import contour_examples
from e2ec.families.contour_losses import refuse_contour_losses
from e2ec.families.family import Family, ShownImage
from e2ec.families.refine_rings import refine_rings
from e2ec.families.refiner.card import SHARP, STAGES, RefinerCard
from e2ec.families.refiner.loss import RefinerLoss
from e2ec.families.refiner.start_weights import with_start_weights
from e2ec.families.unused_settings import refuse_changed, refuse_mending
from e2ec.named_settings import with_settings
from e2ec.results.contours import Contours
from e2ec.results.labelled import labelled_contours
from e2ec.results.outlines import Outlines, with_outlines
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES
from network.inference.prepare import fast_copy
from network.layers.precision import PRECISIONS
from network.published import load_published
from network.sharp.refiner import Refiner, build_refiner, refiner_from_state
from network.sharp.settings import EvolutionSettings

_SEED = 0
"""Of the perturbed labels, beside the image's id."""


class RefinerFamily(Family[Refiner, TrainingExample]):
    """A refiner. See `Family` for what each method promises."""

    name: ClassVar[str] = "refiner"
    card_type = RefinerCard
    falling_losses: ClassVar = {"sharp": "points near boundaries"}
    starts_from: ClassVar = ("contour",)
    detects: ClassVar = False

    collate = staticmethod(collate)

    def build(self, config: Config, num_classes: int) -> Refiner:
        if config.eval.stage not in (None, SHARP):
            raise InputError(f"eval.stage: the result of a refiner is {SHARP}; leave it out")
        refuse_contour_losses(config)
        model = _model(config)
        return build_refiner(
            ARCHITECTURES[model.architecture],
            movement=model.sharp.movement,
            num_classes=num_classes,
        )

    def start_parts(self, config: Config, network: Refiner) -> None:
        start_backbone(_model(config), network.backbone)

    def from_state(self, state: Mapping[str, Tensor], card: RefinerCard, *, name: str) -> Refiner:
        return refiner_from_state(
            state,
            name=name,
            architecture=ARCHITECTURES[card.architecture],
            num_classes=len(card.class_names),
        )

    def num_classes(self, network: Refiner) -> int:
        return network.num_classes

    def stages(self, network: Refiner) -> tuple[str, ...]:
        return STAGES

    def check_stage(self, stage: str) -> None:
        if stage not in STAGES:
            raise ValueError(f"stage must be one of {', '.join(STAGES)}, not {stage!r}")

    def example_maker(
        self, config: Config, num_classes: int
    ) -> Callable[[Sample, np.random.Generator], TrainingExample]:
        sharp = _model(config).sharp
        refuse_changed(
            config.data.targets,
            ("heatmap", "ignore_unlearned", "pairing", "key_tolerance_share"),
            "data.targets",
            "a refiner learns no heat map and no vertices",
        )
        near = BoundaryPointSettings(sharp.points, sharp.spread, sharp.box_jitter)
        return contour_examples(config, num_classes, near)

    def loss(self, config: Config) -> RefinerLoss:
        return RefinerLoss(config.loss.sharp_weight, _model(config).sharp.movement)

    def forward(self, network: nn.Module, images: Tensor, batch: Batch) -> Tensor:
        near = batch.boundary
        assert near is not None
        answers: Tensor = network(
            images, near.boxes, near.points, batch.image_index, max_per_image=batch.max_per_image
        )
        return answers

    def label_sheet(
        self, config: Config, examples: TrainingDataset, *, title: str, count: int
    ) -> np.ndarray | None:
        data = config.data
        return label_sheet(examples, data.augmentation, data.targets, title=title, count=count)

    def untransferred(self, source: nn.Module, network: Refiner) -> tuple[str, ...]:
        """All that a refiner lacks, and SharpContour where the other has none of the same kind."""
        foreign = (name for name, _ in source.named_children() if not hasattr(network, name))
        other = getattr(source, "sharp", None)
        same = other is not None and other.movement == network.sharp.movement
        return tuple(f"{name}." for name in (*foreign, *("sharp",) * (not same)))

    def resolve(
        self, config: Config, train: InstanceDataset, *, processes: int
    ) -> tuple[Config, list[str]]:
        """The result is the refined outline, whatever fits better before it has learnt anything."""
        config, lines = with_start_weights(config, (self.name, *self.starts_from))
        config, chosen = choose(config, train, processes=processes)
        stage = config.eval.stage or SHARP
        return with_settings(config, {"eval.stage": stage}), lines + chosen

    def prepare(
        self,
        network: Refiner,
        *,
        device: torch.device,
        precision: Precision,
        compile: bool,
        cuda_graphs: bool,
    ) -> Refiner:
        if compile or cuda_graphs:
            raise InputError("a refiner is neither compiled nor replayed; leave the option out")
        return fast_copy(network, PRECISIONS[precision], device)

    def predict(
        self, prepared: Refiner, images: Tensor, card: RefinerCard, *, score_threshold: float
    ) -> NoReturn:
        raise NotImplementedError("a refiner detects nothing")

    def instances(
        self, output: Any, shown: Sequence[ShownImage], card: RefinerCard, stages: Sequence[str]
    ) -> NoReturn:
        raise NotImplementedError("a refiner detects nothing")

    def given(self, sample: Sample, card: RefinerCard) -> Contours:
        rng = np.random.default_rng([_SEED, sample.image_id % 2**63])

        def perturb(outlines: Outlines) -> Outlines:
            return [perturbed(parts, rng.uniform(*card.given_iou), rng) for parts in outlines]

        return with_outlines(labelled_contours(sample, card), perturb)

    def refine(
        self,
        prepared: Refiner,
        images: Tensor,
        shown: ShownImage,
        instances: Sequence[Sequence[Component]],
        card: RefinerCard,
        *,
        evolution: EvolutionSettings | None = None,
    ) -> list[list[Component]]:
        if not instances:
            return []
        features = prepared.shared_map(images)
        return refine_rings(
            prepared.sharp, features, shown, instances, evolution=evolution or card.evolution
        )

    def card_fields(self, config: Config) -> dict[str, Any]:
        refuse_mending(config.eval, self.name)
        return {"evolution": config.eval.evolution, "given_iou": _model(config).given_iou}

    def published_start(self, path: Path) -> nn.Module:
        """Published checkpoints are E2EC's: backbone and neck are taken."""
        return load_published(path)


def _model(config: Config) -> RefinerConfig:
    assert isinstance(config.model, RefinerConfig)
    return config.model


REFINER = RefinerFamily()
