"""COCO 2017, the published protocol: its second stage."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import (
    AugmentationSettings,
    Config,
    DataConfig,
    EvalConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    TrainConfig,
)


def get_config() -> Config:
    """DLA-34 on COCO, 20 epochs of SGD after the 140 of the preset `coco`.

        python train.py coco_sgd --data.root /data/coco

    Goes on from the last weights of that run, runs/coco/last/weights.safetensors (`--model.weights`
    names others), at a constant rate, with the dynamic matching loss from the first epoch on.
    Data and hardware are those of `coco`: docs/data.md, GPUs with 24 GB in all. Published results
    of both stages: AP 33.6 on val2017, 33.8 on test-dev.
    """
    return Config(
        name="coco_sgd",
        model=ModelConfig(
            weights=Path("runs/coco/last/weights.safetensors"), backbone_weights=Path("imagenet")
        ),
        data=DataConfig(
            root=Path("data/coco"),
            test_images=Path("test2017"),
            test_annotations=Path("annotations/image_info_test-dev2017.json"),
            augmentation=AugmentationSettings(crop_size=(512, 512), scale_range=(0.6, 1.4)),
        ),
        optim=OptimConfig(optimizer="sgd", lr=1e-4, weight_decay=1e-4, momentum=0.9, milestones=()),
        loss=LossConfig(matching_start_epoch=0),
        train=TrainConfig(epochs=20, batch_size=24, keep="last"),
        eval=EvalConfig(nms_iou=0.7),
    )
