"""Cityscapes, the published protocol, with multi-component detection."""

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
    """DLA-34 on Cityscapes.

        python train.py cityscapes --data.root /data/cityscapes

    Expects leftImg8bit/ and gtFine/ (docs/data.md). Meant for GPUs with about 80 GB in all.
    Published results: AP 34.0 on val by the official evaluation, boundary AP 36.3; with the paper's
    multi-component detection AP 39.0 on val and 32.9 on test.

    Grouping parts by their votes is ours (docs/method.md); published weights have no votes and give
    every part as an instance of its own. `--model.no-multi-component` trains without.
    """
    return Config(
        name="cityscapes",
        model=ModelConfig(multi_component=True, backbone_weights=Path("imagenet")),
        data=DataConfig(
            format="cityscapes",
            root=Path("data/cityscapes"),
            augmentation=AugmentationSettings(
                crop_size=(800, 800), scale_range=(0.6, 1.4), scale_reference="input"
            ),
            view=TestView(mode="fixed", size=(1216, 2432)),
        ),
        optim=OptimConfig(lr=1e-4, milestones=(80, 120, 150), factor=0.5),
        train=TrainConfig(epochs=200, batch_size=32, keep="last"),
        eval=EvalConfig(protocol="cityscapes"),
    )
