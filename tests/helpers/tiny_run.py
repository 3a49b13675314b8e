"""Settings of a run that takes seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from configs.synthetic import get_config
from e2ec.config import AugmentationSettings, Config, EvalConfig, TrainConfig


def tiny(out: Path, preset: Config | None = None, **train_settings: object) -> Config:
    """A preset of generated images: eight of them, 64 x 64 pixels, two steps an epoch."""
    config = preset or get_config()
    return replace(
        config,
        out=out,
        device="cpu",
        data=replace(
            config.data,
            synthetic_train=8,
            synthetic_val=2,
            workers=0,
            augmentation=AugmentationSettings(crop_size=(64, 64)),
        ),
        loss=replace(config.loss, matching_start_epoch=1),
        train=TrainConfig(
            **{"epochs": 2, "batch_size": 4, "eval_every": 2, "ema_decay": 0.9, **train_settings}
        ),
        eval=EvalConfig(iou_types=("segm",), score_threshold=0.3, max_detections=5),
    )
