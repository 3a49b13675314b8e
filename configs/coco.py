"""COCO 2017, the published protocol."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import (
    AugmentationSettings,
    Config,
    DataConfig,
    EvalConfig,
    ModelConfig,
    OptimConfig,
    TrainConfig,
)


def get_config() -> Config:
    """DLA-34 on COCO.

        python train.py coco --data.root /data/coco

    Expects train2017/, val2017/ and annotations/ under the root (docs/data.md). Meant for one or
    more GPUs with 24 GB in all. Published results: AP 33.6 on val2017, 33.8 on test-dev (`test.py
    coco --split test` writes the file for the server), by 140 epochs of Adam as here, then 20 of
    SGD: `python train.py coco_sgd --data.root /data/coco`.
    """
    return Config(
        name="coco",
        model=ModelConfig(backbone_weights=Path("imagenet")),
        data=DataConfig(
            root=Path("data/coco"),
            test_images=Path("test2017"),
            test_annotations=Path("annotations/image_info_test-dev2017.json"),
            augmentation=AugmentationSettings(crop_size=(512, 512), scale_range=(0.6, 1.4)),
        ),
        optim=OptimConfig(lr=1e-4, milestones=(80, 120), factor=0.5),
        train=TrainConfig(epochs=140, batch_size=24, keep="last"),
        eval=EvalConfig(nms_iou=0.7),
    )
