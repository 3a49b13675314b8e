"""Training: whole steps of the published network, on a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from accelerate import Accelerator
from torch import Tensor

from dataset.contour.targets import Batch
from e2ec.bench.plain_training import CLIP_VALUE, PlainTraining
from e2ec.bench.row import Row, optional
from e2ec.config import LossConfig, OptimConfig
from e2ec.engine.train.build import build_optimizer, lay_out
from e2ec.engine.train.step import count_step, train_step
from e2ec.engine.train.step_record import StepRecord
from e2ec.families.contour.family import CONTOUR
from e2ec.families.contour.loss import ContourLoss
from network.contour.e2ec import E2EC, STRIDE, build_network

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
        self.loss = ContourLoss(LossConfig())
        self.accelerator = Accelerator(cpu=True)

    def step(self, batch: Batch) -> float:
        """Update the weights once; the loss before it."""
        values = train_step(
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
        record = StepRecord(values, [batch], epoch=EPOCH, number=1, rate=0.0)
        return record.read()[0]["total"]


def synthetic_batch(images: int, instances: int, side: int, *, classes: int) -> Batch:
    """Noise with round labels, the same in every run; the heat maps are drawn."""
    generator = torch.Generator().manual_seed(0)
    count, cells = images * instances, side // STRIDE
    centers = torch.randint(0, cells, (count, 2), generator=generator)
    radii = torch.randint(2, max(3, cells // 8), (count,), generator=generator)
    batch = Batch(
        images=torch.randint(
            0, 256, (images, 3, side, side), generator=generator, dtype=torch.uint8
        ),
        heatmap_size=(classes, cells, cells),
        image_index=torch.arange(images).repeat_interleave(instances),
        centers=centers,
        radii=radii,
        classes=torch.randint(0, classes, (count,), generator=generator),
        contours=_circles(centers, radii, generator),
        keys=torch.arange(128).expand(count, -1) % 16 == 0,
        object_centers=centers.float(),
        image_ids=list(range(images)),
        names=[str(number) for number in range(images)],
        max_per_image=instances,
    )
    assert batch.heatmaps.shape[0] == images
    return batch


def _circles(centers: Tensor, radii: Tensor, generator: torch.Generator) -> Tensor:
    """(n, 128, 2), input pixels, with a little noise."""
    angle = torch.arange(128) * (2 * torch.pi / 128)
    unit = torch.stack([angle.sin(), -angle.cos()], dim=1)
    contours = (centers[:, None] + radii[:, None, None] * unit) * STRIDE
    return contours + 0.3 * torch.randn(contours.shape, generator=generator)
