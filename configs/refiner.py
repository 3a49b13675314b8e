"""A refiner of outlines that other models find."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import (
    Config,
    DataConfig,
    OptimConfig,
    RefinerConfig,
    TestView,
    TrainConfig,
)


def get_config() -> Config:
    """SharpContour alone, on your images: it moves outlines of any model to the boundaries.

        python train.py refiner --data.root /data/mine --name sharp
        python test.py refiner --data.root /data/mine --weights runs/sharp/weights.safetensors
        python -m e2ec refine --weights runs/sharp/weights.safetensors --results found.json ...

    It learns where the boundaries of your labels are, in any of the formats of docs/formats.md, and
    finds nothing by itself. Evaluation perturbs the labels on purpose (`--model.given-iou`), the
    same way every time, and refines them: `given` is how well they fit before, `sharp` after.

    Data, scale and schedule are found out as by `custom`. The nano network starts from the
    bundled weights; weights of any E2EC network do as well (`--model.weights`), of which backbone,
    neck and the stage sharp are taken. For a GPU: `--model.architecture dla34`.
    """
    return Config(
        name="refiner",
        model=RefinerConfig(architecture="nano"),
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
        auto=(
            "model.weights",
            "data.targets.vertices",
            "data.augmentation.crop_size",
            "data.augmentation.scale",
            "data.view",
            "optim.lr",
            "optim.warmup_steps",
            "train.batch_size",
            "train.epochs",
            "train.ema_decay",
            "train.eval_every",
            "train.save_every",
            "eval.max_detections",
        ),
    )
