"""BMask R-CNN on Cityscapes."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import (
    AugmentationSettings,
    Config,
    DataConfig,
    EvalConfig,
    MaskConfig,
    OptimConfig,
    TestView,
    TrainConfig,
)


def get_config() -> Config:
    """BMask R-CNN with ResNet-50 on the fine annotations of Cityscapes.

        python train.py bmask_rcnn_cityscapes --data.root /data/cityscapes

    Expects leftImg8bit/ and gtFine/ (docs/data.md). Needs torchvision: `pip install -e ".[mask]"`.
    The backbone starts from ImageNet's weights by torchvision's name for them; where there is no
    network, `--model.weights FILE.pth`.

    Schedule of the paper: 48,000 steps of 4 images are 65 epochs. Meant for GPUs with about 40 GB
    in all. Published results: AP 35.0 on val, 29.4 on test (its table 9).
    """
    return Config(
        name="bmask_rcnn_cityscapes",
        model=MaskConfig(mask_head="boundary", weights=Path("ResNet50_Weights.IMAGENET1K_V1")),
        data=DataConfig(
            format="cityscapes",
            root=Path("data/cityscapes"),
            augmentation=AugmentationSettings.whole_images((800, 1024), longest=2048),
            view=TestView(mode="short_side", size=(1024, 2048)),
        ),
        optim=OptimConfig.rcnn(lr=0.005, milestones=(48,)),
        train=TrainConfig(epochs=65, batch_size=4, keep="last"),
        eval=EvalConfig(protocol="cityscapes", nms_iou=0.5),
    )
