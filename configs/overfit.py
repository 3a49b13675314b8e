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

SIZE = (320, 320)


def get_config() -> Config:
    """The published network, from random weights, on the first 16 images of a COCO folder.

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
            train_limit=16,
            val_limit=16,
            targets=TargetSettings(min_area_cells=1.0),
            augmentation=AugmentationSettings(crop_size=SIZE, enabled=False),
            view=TestView(mode="letterbox", size=SIZE),
        ),
        optim=OptimConfig(lr=5e-4, schedule="cosine", warmup_steps=20, weight_decay=0.0),
        loss=LossConfig(matching_start_epoch=60),
        train=TrainConfig(epochs=120, batch_size=4, eval_every=20),
        eval=EvalConfig(iou_types=("segm",)),
    )
