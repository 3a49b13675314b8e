"""A start for data of your own."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import Config, DataConfig, EvalConfig, OptimConfig, TestView, TrainConfig


def get_config() -> Config:
    """DLA-34 on your images, in any of the formats of docs/formats.md.

        python -m e2ec check custom --data.format yolo --data.root /data/mine
        python train.py custom --data.format yolo --data.root /data/mine --name mine

    For COCO, LabelMe and masks the folders are images/train, images/val, labels/train and
    labels/val (COCO: files, labels/train.json and labels/val.json with `--data.train-annotations
    labels/train.json --data.val-annotations labels/val.json`), or what `--data.train-images`,
    `--data.train-annotations` and so on say. The classes come from the labels. Images are tested at
    their own size. On a CPU choose `--model.architecture nano` and a smaller
    `--data.augmentation.crop-size`. Starting from weights of another data set
    (`--model.weights FILE`) needs fewer epochs.
    """
    return Config(
        name="custom",
        data=DataConfig(
            root=Path("data/custom"),
            train_images=Path("images/train"),
            train_annotations=Path("labels/train"),
            val_images=Path("images/val"),
            val_annotations=Path("labels/val"),
            view=TestView(mode="pad"),
        ),
        optim=OptimConfig(lr=1e-4, schedule="cosine", warmup_steps=500),
        train=TrainConfig(epochs=100, batch_size=8, ema_decay=0.999, fill_last=True),
        eval=EvalConfig(nms_iou=0.7),
        auto=(
            "model.weights",
            "data.targets.vertices",
            "data.augmentation.crop_size",
            "data.augmentation.scale",
            "data.view",
            "optim.lr",
            "optim.warmup_steps",
            "loss.matching_start_epoch",
            "train.batch_size",
            "train.epochs",
            "train.ema_decay",
            "train.eval_every",
            "eval.max_detections",
        ),
    )
