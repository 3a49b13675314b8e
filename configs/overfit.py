"""A sanity check: DLA-34 learns sixteen images by heart."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import (
    AugmentationSettings,
    Config,
    DataConfig,
    EvalConfig,
    LossConfig,
    OptimConfig,
    TargetSettings,
    TestView,
    TrainConfig,
)

SIZE = (256, 256)
# The first sixteen images of COCO train2017 (ordered by id) without a crowd region or an object
# that COCO calls small (below 32^2 pixels): 47 objects of 23 classes.
IMAGES = (9, 25, 30, 34, 36, 42, 64, 72, 73, 78, 81, 86, 89, 92, 94, 136)


def get_config() -> Config:
    """The published network, from random weights, on 16 images of COCO train2017.

        python train.py overfit --data.root /data/coco

    Whole images, unaugmented, are trained on and evaluated on: a network and a loss that are right
    reach a high AP, with every stage better than the one before.
    """
    return Config(
        name="overfit",
        data=DataConfig(
            root=Path("data/coco"),
            val_images=Path("train2017"),
            val_annotations=Path("annotations/instances_train2017.json"),
            image_ids=IMAGES,
            targets=TargetSettings(min_area_cells=1.0),
            augmentation=AugmentationSettings(crop_size=SIZE, enabled=False),
            view=TestView(mode="letterbox", size=SIZE),
        ),
        optim=OptimConfig(lr=5e-4, schedule="cosine", warmup_steps=20, weight_decay=0.0),
        loss=LossConfig(matching_start_epoch=50),
        train=TrainConfig(epochs=150, batch_size=2, eval_every=50, ema_decay=0.99),
        eval=EvalConfig(iou_types=("segm",)),
    )
