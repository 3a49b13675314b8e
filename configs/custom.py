"""A start for data of your own."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import Config, DataConfig, EvalConfig, OptimConfig, TestView, TrainConfig


def get_config() -> Config:
    """DLA-34 on your images, in any of the formats of docs/formats.md.

        python -m e2ec check /data/mine
        python train.py custom --data.root /data/mine --name mine
        python test.py custom --data.root /data/mine --weights runs/mine/weights.safetensors

    The root is a folder, a COCO file or YOLO's data.yaml: whatever `check` understands. The format
    is found out, and so is what is for training and what for validation. Where nothing is for
    validation, a fifth of the images is kept apart for it (`--data.val-fraction`, `--train.seed`);
    splits.json in the folder of the run lists them. Labels elsewhere: `--data.train-images`,
    `--data.train-annotations` and so on. The classes come from the labels. The scale at which
    objects are shown, in training and at test, and the schedule are chosen from the data when
    training starts; an option that is given is kept (docs/own-data.md). On a CPU choose
    `--model.architecture nano`, which starts from the bundled weights.
    """
    return Config(
        name="custom",
        data=DataConfig(
            format="auto",
            root=Path("data/custom"),
            train_images=None,
            train_annotations=None,
            val_images=None,
            val_annotations=None,
            view=TestView(mode="pad"),
        ),
        optim=OptimConfig(lr=1e-4, schedule="cosine", warmup_steps=500),
        train=TrainConfig(
            epochs=100, batch_size=8, ema_decay=0.999, fill_last=True, eval_iou_types=("segm",)
        ),
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
            "train.save_every",
            "eval.max_detections",
        ),
    )
