"""Cell nuclei (Data Science Bowl 2018, stage 1): the bundled model."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import (
    AugmentationSettings,
    Config,
    DataConfig,
    EvalConfig,
    ModelConfig,
    OptimConfig,
    TargetSettings,
    TestView,
    TrainConfig,
)


def get_config() -> Config:
    """The nano network on microscope images, shown at twice their size.

        python train.py nuclei --data.root /data/nuclei

    Expects images/, instances_train.json and instances_val.json under the root. Nuclei are small:
    half of them are less than 20 pixels wide, a quarter less than 12, so that at the network's
    stride of 4 the zoom matters more than anything else.
    """
    return Config(
        name="nuclei",
        model=ModelConfig(architecture="nano"),
        data=DataConfig(
            root=Path("data/nuclei"),
            train_images=Path("images"),
            train_annotations=Path("instances_train.json"),
            val_images=Path("images"),
            val_annotations=Path("instances_val.json"),
            targets=TargetSettings(vertices=64, min_area_cells=4.0),
            augmentation=AugmentationSettings(
                crop_size=(256, 256),
                scale_reference="native",
                scale_range=(1.0, 2.6),
                vertical_flip_probability=0.5,
                rotate90=True,
                grayscale_probability=0.1,
                invert_probability=0.15,
            ),
            view=TestView(mode="pad", zoom=2.0),
        ),
        optim=OptimConfig(lr=1.5e-3, schedule="cosine", warmup_steps=100, weight_decay=1e-5),
        train=TrainConfig(epochs=45, batch_size=8, eval_every=9, ema_decay=0.998),
        eval=EvalConfig(max_detections=500, extra_metrics=("microscopy",)),
    )
