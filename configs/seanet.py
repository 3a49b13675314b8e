"""SEANet on COCO 2017."""

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
    """SEANet with ResNet-50, on COCO: boxes by cells, masks with edge attention.

        python train.py seanet --data.root /data/coco

    Needs torchvision: `pip install -e ".[mask]"`. Data: docs/data.md. The backbone starts from
    ImageNet's weights by torchvision's name for them; where there is no network,
    `--model.weights FILE.pth`.

    Schedule of the SEANet paper: 24 epochs of 16 images. Meant for GPUs with about 80
    GB in all. Published results: AP 36.0 on val2017 (its table 3), with ResNet-101 37.7 on test-dev
    (`--model.architecture resnet101`).

    The paper's ablations are settings: `--model.no-box-iou`, `--model.attention.fusion`,
    `--model.attention.no-channel-attention`, `--model.attention.no-edge-attention`,
    `--model.attention.no-edge-supervision`; `--model.mask-iou` stands it on Mask Scoring R-CNN.
    """
    return Config(
        name="seanet",
        model=MaskConfig(
            box_head="fcn", mask_head="attention", weights=Path("ResNet50_Weights.IMAGENET1K_V1")
        ),
        data=DataConfig(
            root=Path("data/coco"),
            test_images=Path("test2017"),
            test_annotations=Path("annotations/image_info_test-dev2017.json"),
            augmentation=AugmentationSettings.whole_images((800, 800), longest=1333),
            view=TestView(mode="short_side", size=(800, 1333)),
        ),
        optim=OptimConfig.rcnn(lr=0.02, milestones=(16, 22)),
        train=TrainConfig(epochs=24, batch_size=16, eval_every=4, keep="last"),
        eval=EvalConfig(nms_iou=0.5),
    )
