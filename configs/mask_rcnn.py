"""Mask R-CNN on COCO 2017."""

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
    """Mask R-CNN with ResNet-50 and a feature pyramid, on COCO.

        python train.py mask_rcnn --data.root /data/coco

    Needs torchvision: `pip install -e ".[mask]"`. Data: docs/data.md. The backbone starts from
    ImageNet's weights by torchvision's name for them; where there is no network,
    `--model.weights FILE.pth`.

    Schedule of the BMask R-CNN paper: 90,000 steps of 16 images are 12 epochs. Meant for
    GPUs with about 80 GB in all. Published results: AP 34.2 (box AP 37.8) on val2017 (its table 1).

    COCO weights of torchvision are tested as they are:

        python test.py mask_rcnn --weights MaskRCNN_ResNet50_FPN_Weights.COCO_V1

    All of the family take the contour loss (`--loss.contour-weight 1`) and the stage sharp
    (`--model.sharp.training joint`).
    """
    return Config(
        name="mask_rcnn",
        model=MaskConfig(weights=Path("ResNet50_Weights.IMAGENET1K_V1")),
        data=DataConfig(
            root=Path("data/coco"),
            test_images=Path("test2017"),
            test_annotations=Path("annotations/image_info_test-dev2017.json"),
            augmentation=AugmentationSettings.whole_images((800, 800), longest=1333),
            view=TestView(mode="short_side", size=(800, 1333)),
        ),
        optim=OptimConfig.rcnn(lr=0.02, milestones=(8, 11)),
        train=TrainConfig(epochs=12, batch_size=16, eval_every=3, keep="last"),
        eval=EvalConfig(nms_iou=0.5),
    )
