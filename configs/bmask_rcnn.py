"""BMask R-CNN on COCO 2017."""

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
    """BMask R-CNN with ResNet-50, on COCO: masks that learn boundaries.

        python train.py bmask_rcnn --data.root /data/coco

    Needs torchvision: `pip install -e ".[mask]"`. Data: docs/data.md. The backbone starts from
    ImageNet's weights by torchvision's name for them; where there is no network,
    `--model.weights FILE.pth`.

    Schedule of the BMask R-CNN paper: 90,000 steps of 16 images are 12 epochs. Meant for
    GPUs with about 80 GB in all. Published results: AP 35.6 (box AP 37.8) on val2017 (its table 1).

    The paper's ablations are settings: `--model.boundary.source`, `--model.boundary.size`,
    `--model.boundary.supervision`, `--model.boundary.no-mask-to-boundary`,
    `--model.boundary.no-boundary-to-mask`, `--loss.mask.boundary`, `--model.mask-head sobel`.
    """
    return Config(
        name="bmask_rcnn",
        model=MaskConfig(mask_head="boundary", weights=Path("ResNet50_Weights.IMAGENET1K_V1")),
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
