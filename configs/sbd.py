"""SBD, the published protocol."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import (
    AugmentationSettings,
    Config,
    DataConfig,
    EvalConfig,
    ModelConfig,
    OptimConfig,
    TestView,
    TrainConfig,
)


def get_config() -> Config:
    """DLA-34 on SBD.

        python train.py sbd --data.root /data/sbd

    Expects img/, inst/ and cls/ as released (docs/data.md); trains on the 5,623 images and tests on
    the 5,732 that contour papers use. Meant for one or more GPUs with 24 GB in all. Published
    results on val: APvol 59.2, AP50 65.8, AP70 54.1, boundary AP 19.1.
    """
    return Config(
        name="sbd",
        model=ModelConfig(backbone_weights=Path("imagenet")),
        data=DataConfig(
            format="sbd",
            root=Path("data/sbd"),
            augmentation=AugmentationSettings(crop_size=(512, 512), scale_range=(0.6, 1.4)),
            view=TestView(mode="letterbox", size=(512, 512)),
        ),
        optim=OptimConfig(lr=1e-4, milestones=(80, 120), factor=0.5),
        train=TrainConfig(epochs=150, batch_size=24, keep="last"),
        eval=EvalConfig(protocol="sbd"),
    )
