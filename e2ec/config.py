"""The settings of a run: small documented dataclasses, validated when they are made.

A preset in `configs/` returns a fresh `Config`; the command line changes single fields
(`--optim.lr 2e-4`); a run writes the whole of it beside its results. The class count is not a
setting: it comes from the data. Importing this loads neither torch nor OpenCV: help and usage
errors need the settings alone.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from dataset.contour.target_settings import TargetSettings
from dataset.transforms.augmentation_settings import AugmentationSettings
from dataset.transforms.test_transform import TestView
from e2ec.contour_loss_config import ContourLossConfig, MaskLoss
from e2ec.contour_mending_config import ContourSmoothing, MendingSettings
from e2ec.data_config import ConversionTarget, DataConfig, Format, LabelFormat, Split, require
from e2ec.eval_config import EvalConfig, ExtraMetric, Flips, IouType, Precision
from e2ec.loss_config import LossConfig
from e2ec.mask_config import MaskConfig, MaskLossConfig
from e2ec.model_config import BaseModelConfig, ModelConfig, RefinerConfig, check_given_iou
from e2ec.optim_config import OptimConfig
from e2ec.train_config import TrainConfig
from network.backbones.settings import BackboneSettings
from network.contour.architecture import STRIDE
from network.mask.settings import AttentionHeadSettings, BoundaryHeadSettings
from network.sharp.settings import EvolutionSettings, SharpSettings

__all__ = [
    "AttentionHeadSettings",
    "AugmentationSettings",
    "BackboneSettings",
    "BaseModelConfig",
    "BoundaryHeadSettings",
    "Config",
    "ContourLossConfig",
    "ContourSmoothing",
    "ConversionTarget",
    "DataConfig",
    "EvalConfig",
    "EvolutionSettings",
    "ExtraMetric",
    "Flips",
    "Format",
    "IouType",
    "LabelFormat",
    "LossConfig",
    "MaskConfig",
    "MaskLoss",
    "MaskLossConfig",
    "MendingSettings",
    "ModelConfig",
    "OptimConfig",
    "Precision",
    "RefinerConfig",
    "SharpSettings",
    "Split",
    "TargetSettings",
    "TestView",
    "TrainConfig",
    "check_given_iou",
]

AutoSetting = Literal[
    "model.architecture",
    "model.weights",
    "data.targets.vertices",
    "data.targets.stride",
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
]
"""What `Config.auto` may name; "data.augmentation.scale" stands for the range and its reference,
"data.targets.stride" has nothing left to choose (deprecated)."""


@dataclass(frozen=True)
class Config:
    """Everything a run is made of."""

    name: str
    """Results go to `<out>/<name>`."""
    out: Path = Path("runs")
    """Folder of all runs."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the network runs; auto takes CUDA, then MPS, then the CPU."""
    resume: bool = False
    """Continue the run of this name where it stopped."""
    resume_or_start: bool = False
    """Continue the run of this name, or start it if nothing has been saved yet; the same as
    `--resume auto` of train.py."""
    preset: str | None = None
    """The preset these settings started from, for the record."""
    auto: tuple[AutoSetting, ...] = ()
    """Settings that are chosen from the data, or come with the weights, when training starts.
    Settings that are given as options are kept."""
    model: BaseModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)

    def __post_init__(self) -> None:
        require(
            bool(self.name) and not self.name.startswith(".") and Path(self.name).name == self.name,
            "name must be a plain folder name",
        )
        stride = self.data.targets.stride
        require(
            stride == STRIDE,
            f"data.targets.stride comes from the network, which has {STRIDE}, not {stride}; leave "
            "it out",
        )
        _require_finite(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """All settings as JSON-ready values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return values


def _require_finite(value: Any, name: str = "") -> None:
    """Infinity and NaN mean nothing in any setting, and JSON cannot hold them."""
    if isinstance(value, dict):
        for key, item in value.items():
            _require_finite(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for item in value:
            _require_finite(item, name)
    elif isinstance(value, float):
        require(math.isfinite(value), f"{name} must be finite")
