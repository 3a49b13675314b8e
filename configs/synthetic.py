"""Generated shapes: try everything without any download."""

from __future__ import annotations

from e2ec.config import (
    AugmentationSettings,
    Config,
    DataConfig,
    ModelConfig,
    OptimConfig,
    TargetSettings,
    TestView,
    TrainConfig,
)


def get_config() -> Config:
    """The nano network on textured shapes made on the fly.

    python train.py synthetic
    """
    return Config(
        name="synthetic",
        model=ModelConfig(architecture="nano"),
        data=DataConfig(
            format="synthetic",
            synthetic_train=400,
            synthetic_val=50,
            view=TestView(mode="letterbox", size=(256, 256)),
            targets=TargetSettings(vertices=64),
            augmentation=AugmentationSettings(crop_size=(256, 256), scale_range=(0.7, 1.2)),
        ),
        optim=OptimConfig(lr=1e-3, schedule="cosine", warmup_steps=50),
        train=TrainConfig(epochs=10, batch_size=8, eval_every=2, ema_decay=0.98),
    )
