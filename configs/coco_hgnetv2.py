"""COCO 2017 with HGNet-V2 in place of DLA-34: fast."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import (
    AugmentationSettings,
    BackboneSettings,
    Config,
    DataConfig,
    EvalConfig,
    ModelConfig,
    OptimConfig,
    TrainConfig,
)


def get_config() -> Config:
    """HGNet-V2 below the neck and heads of DLA-34, on COCO, as `coco` is trained.

        pip install -e ".[backbones]"
        python train.py coco_hgnetv2 --data.root /data/coco

    Expects what `coco` expects (docs/data.md), and GPUs with 24 GB in all. The backbone's ImageNet
    weights come from the hub of Hugging Face, or from a folder: `--model.backbone.name DIR`. Not
    trained by us yet: there is no AP to name. Sizes and times: docs/backbones.md.
    """
    return Config(
        name="coco_hgnetv2",
        model=ModelConfig(
            architecture="transformers",
            backbone=BackboneSettings(name="ustc-community/hgnet-v2", lr_factor=0.5),
        ),
        data=DataConfig(
            root=Path("data/coco"),
            test_images=Path("test2017"),
            test_annotations=Path("annotations/image_info_test-dev2017.json"),
            augmentation=AugmentationSettings(crop_size=(512, 512), scale_range=(0.6, 1.4)),
        ),
        optim=OptimConfig(lr=1e-4, schedule="cosine", warmup_steps=1000),
        train=TrainConfig(epochs=140, batch_size=24, ema_decay=0.9998, keep="last"),
        eval=EvalConfig(nms_iou=0.7),
    )
