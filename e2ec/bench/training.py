"""Training: whole steps of the published network, on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from accelerate import Accelerator

from dataset.contour.targets import Batch, build_example, collate
from dataset.loading.sample import Instance, Sample
from e2ec.bench.inputs import outline, picture
from e2ec.bench.plain_training import CLIP_VALUE, PlainTraining
from e2ec.bench.row import Row, optional
from e2ec.config import AugmentationSettings, LossConfig, OptimConfig, TargetSettings
from e2ec.engine.train.build import build_optimizer, lay_out
from e2ec.engine.train.step import count_step, train_step
from e2ec.families.contour.family import CONTOUR
from e2ec.losses.total import TotalLoss
from network.contour.e2ec import E2EC, build_network

CLASSES = 80
IMAGES = 4
INSTANCES = 10
SIDE = 512
EPOCH = 10
"""From here on with dynamic matching, as in 140 of the published 150 epochs."""
LR = 1e-6


def rows() -> Iterator[Row]:
    """A step of DLA-34 against a plain one."""
    torch.manual_seed(0)
    network = build_network(num_classes=CLASSES)
    batch = synthetic_batch(IMAGES, INSTANCES, SIDE, classes=CLASSES)
    deform_conv = optional("torchvision.ops", "deform_conv2d")
    plain = PlainTraining(network, deform_conv, lr=LR) if deform_conv else None
    ours = Training(network, lr=LR)
    yield Row(
        f"training step, DLA-34 {SIDE}x{SIDE}, batch {IMAGES}",
        f"forward, all losses with dynamic matching, backward, Adam; {INSTANCES} instances an "
        "image; batch and heat maps made before; losses are the same step by step "
        "(tests/e2ec/bench/test_training.py): time to the same loss is in the same ratio",
        lambda: ours.step(batch),
        {"plain step on torchvision": (lambda: plain.step(batch)) if plain else None},
        goal=5.0,
    )


class Training:
    """The step of the trainer, with `network` itself, in fp32 and by one process."""

    def __init__(self, network: E2EC, *, lr: float) -> None:
        self.network = network.train()
        lay_out(network, torch.device("cpu"))
        self.optimizer = build_optimizer(OptimConfig(lr=lr), network)
        self.loss = TotalLoss(LossConfig())
        self.accelerator = Accelerator(cpu=True)

    def step(self, batch: Batch) -> float:
        """Update the weights once; the loss before it."""
        record = train_step(
            CONTOUR,
            self.network,
            self.optimizer,
            self.loss,
            [batch],
            count_step([batch], self.loss, self.accelerator, stop=False),
            self.accelerator,
            epoch=EPOCH,
            clip_value=CLIP_VALUE,
        )
        return record.read()[0]["total"]


def synthetic_batch(images: int, instances: int, side: int, *, classes: int) -> Batch:
    """Noise with random outlines, the same in every run; the heat maps are drawn."""
    rng = np.random.default_rng(0)
    make = partial(
        build_example,
        rng=rng,
        augmentation=AugmentationSettings(crop_size=(side, side), enabled=False),
        targets=TargetSettings(min_area_cells=0.0),
        num_classes=classes,
    )
    examples = []
    for number in range(images):
        objects = [
            Instance(int(rng.integers(classes)), [outline(rng, 128, (side, side))], annotation_id=k)
            for k in range(instances)
        ]
        examples.append(make(Sample(number, str(number), picture(side), objects)))
    batch = collate(examples)
    assert len(batch.heatmaps) == images and len(batch.classes) == images * instances
    return batch
