"""SEANet on Cityscapes."""

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
    """SEANet with ResNet-50 on the fine annotations of Cityscapes.

        python train.py seanet_cityscapes --data.root /data/cityscapes

    Expects leftImg8bit/ and gtFine/ (docs/data.md). Needs torchvision: `pip install -e ".[mask]"`.
    The backbone starts from ImageNet's weights by torchvision's name for them; where there is no
    network, `--model.weights FILE.pth`.

    The paper has no results on Cityscapes: the schedule is that of `bmask_rcnn_cityscapes`, 48,000
    steps of 4 images. Meant for GPUs with about 40 GB in all.
    """
    return Config(
        name="seanet_cityscapes",
        model=MaskConfig(
            box_head="fcn", mask_head="attention", weights=Path("ResNet50_Weights.IMAGENET1K_V1")
        ),
        data=DataConfig(
            format="cityscapes",
            root=Path("data/cityscapes"),
            augmentation=AugmentationSettings.whole_images((800, 1024), longest=2048),
            view=TestView(mode="short_side", size=(1024, 2048)),
        ),
        optim=OptimConfig.rcnn(lr=0.005, milestones=(48,)),
        train=TrainConfig(epochs=65, batch_size=4, ema_decay=0.999),
        eval=EvalConfig(protocol="cityscapes", nms_iou=0.5),
    )
