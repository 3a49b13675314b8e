"""The preset of the tiny family."""

from __future__ import annotations

from pathlib import Path

from tiny_family import TinyModel

from e2ec.config import (
    AugmentationSettings,
    Config,
    DataConfig,
    EvalConfig,
    OptimConfig,
    TestView,
    TrainConfig,
)


def get_config() -> Config:
    """Masks of generated shapes, by a few convolutions.

    python train.py shapes
    """
    return Config(
        name="shapes",
        out=Path("runs"),
        device="cpu",
        model=TinyModel(),
        data=DataConfig(
            format="synthetic",
            synthetic_train=32,
            synthetic_val=3,
            workers=0,
            augmentation=AugmentationSettings(crop_size=(64, 64)),
            view=TestView("letterbox", size=(64, 64)),
        ),
        optim=OptimConfig(lr=2e-2),
        train=TrainConfig(epochs=6, batch_size=4, eval_every=3, ema_decay=0.5),
        eval=EvalConfig(iou_types=("segm",), max_detections=10),
    )
