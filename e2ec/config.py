"""The settings of a run: small documented dataclasses, validated when they are made.

A preset in `configs/` returns a fresh `Config`; the command line changes single fields
(`--optim.lr 2e-4`); a run writes the whole of it beside its results. The class count is not a
setting: it comes from the data. Importing this loads neither torch nor OpenCV: help and usage
errors need the settings alone.
"""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from dataset.contour.target_settings import TargetSettings
from dataset.transforms.augmentation_settings import AugmentationSettings
from dataset.transforms.test_transform import TestView
from e2ec.contour_loss_config import ContourLossConfig, MaskLoss
from e2ec.data_config import ConversionTarget, DataConfig, Format, LabelFormat, Split, require
from e2ec.mask_config import MaskConfig, MaskLossConfig
from e2ec.model_config import BaseModelConfig, ModelConfig, RefinerConfig, check_given_iou
from network.contour.architecture import STRIDE
from network.mask.settings import AttentionHeadSettings, BoundaryHeadSettings
from network.sharp.settings import EvolutionSettings, SharpSettings

__all__ = [
    "AttentionHeadSettings",
    "AugmentationSettings",
    "BaseModelConfig",
    "BoundaryHeadSettings",
    "Config",
    "ContourLossConfig",
    "ConversionTarget",
    "DataConfig",
    "EvalConfig",
    "EvolutionSettings",
    "Format",
    "LabelFormat",
    "LossConfig",
    "MaskConfig",
    "MaskLoss",
    "MaskLossConfig",
    "ModelConfig",
    "OptimConfig",
    "RefinerConfig",
    "SharpSettings",
    "Split",
    "TargetSettings",
    "TestView",
    "TrainConfig",
    "check_given_iou",
]

IouType = Literal["segm", "bbox", "boundary"]
Precision = Literal["fp32", "bf16", "fp16"]
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
class OptimConfig:
    """Optimiser and learning rate."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """Adam and SGD take the weight decay into the gradient, as published; AdamW decouples it."""
    lr: float = 1e-4
    """Learning rate at its highest."""
    weight_decay: float = 5e-4
    """Weight decay."""
    momentum: float = 0.9
    """Momentum of SGD."""
    schedule: Literal["step", "cosine"] = "step"
    """step: times `factor` at each milestone; cosine: down to zero at the end."""
    milestones: tuple[int, ...] = (80, 120)
    """Epochs at which the step schedule lowers the rate."""
    factor: float = 0.5
    """What the step schedule multiplies by."""
    warmup_steps: int = 0
    """Optimiser steps of linear warm-up."""
    clip_value: float = 40.0
    """Every value of a gradient is clipped to +-this; 0 turns clipping off."""

    def __post_init__(self) -> None:
        for name in ("lr", "factor"):
            require(getattr(self, name) > 0, f"optim.{name} must be positive")
        for name in ("weight_decay", "warmup_steps", "clip_value"):
            require(getattr(self, name) >= 0, f"optim.{name} must not be negative")

    @classmethod
    def rcnn(cls, lr: float, milestones: tuple[int, ...]) -> OptimConfig:
        """SGD as Mask R-CNN is trained with: a short warm-up, a tenth of the rate from each
        milestone on, gradients as they are."""
        return cls(
            optimizer="sgd",
            lr=lr,
            weight_decay=1e-4,
            milestones=milestones,
            factor=0.1,
            warmup_steps=500,
            clip_value=0.0,
        )


@dataclass(frozen=True)
class LossConfig:
    """Losses and their weights (paper sec. 4; published and paper variants)."""

    center_weight: float = 1.0
    """Weight of the centre heat map's focal loss."""
    initial_weight: float = 0.1
    """Weight of the initial contour's smooth L1."""
    coarse_weight: float = 0.1
    """Weight of the coarse contour's smooth L1."""
    refinement_weight: float = 1.0
    """Weight of the refinement's losses."""
    parts_weight: float = 1.0
    """Weight of the part votes' loss, where model.multi_component asks for them."""
    contour_weight: float = 0.0
    """Weight of a loss of masks on the contours of one stage, see `contour`; 0 leaves it out."""
    sharp_weight: float = 10.0
    """Weight of the loss of SharpContour's classifier, where model.sharp asks for it."""
    average_refinements: bool = True
    """True divides the refinement's losses by the number of modules, as published; False sums
    them, as in the paper's equation 10."""
    matching_start_epoch: int = 10
    """The dynamic matching loss replaces smooth L1 at the last module from this epoch on."""
    matching_distance: Literal["smooth_l1", "l1"] = "smooth_l1"
    """Distance inside the dynamic matching loss: smooth_l1 as published, l1 as in the paper."""
    contour: ContourLossConfig = field(default_factory=ContourLossConfig)
    mask: MaskLossConfig = field(default_factory=MaskLossConfig)

    def __post_init__(self) -> None:
        for name in ("center", "initial", "coarse", "refinement", "parts", "contour", "sharp"):
            weight = getattr(self, f"{name}_weight")
            require(weight >= 0, f"loss.{name}_weight must not be negative")


@dataclass(frozen=True)
class TrainConfig:
    """The training loop."""

    epochs: int = 150
    """Passes over the training set."""
    batch_size: int = 24
    """Images per optimiser step, over all processes and micro-batches."""
    accumulate: int = 1
    """Micro-batches per optimiser step; more of them need less memory."""
    precision: Literal["fp64", "fp32", "bf16", "fp16"] = "fp32"
    """Arithmetic of the network; contours and losses stay in fp32 or better. fp64 is for
    comparisons, where rounding must not hide or feign a difference."""
    ema_decay: float = 0.0
    """Decay of the exponential moving average that is evaluated and saved; 0 turns it off."""
    sync_batchnorm: bool = True
    """Batch statistics over all processes, so that their number does not change the result."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    fill_last: bool = False
    """Fill up an epoch's last batch with images from its beginning, so that every epoch sees every
    image. By default the images that do not fill a batch are left out of the epoch."""
    eval_every: int = 5
    """Epochs between evaluations; the last epoch is always evaluated."""
    eval_iou_types: tuple[IouType, ...] | None = None
    """What these evaluations score; None takes `eval.iou_types`. The first one decides which
    weights are best. Boundaries of large images take longer than the network."""
    save_every: int = 1
    """Epochs between two saves of the training state."""
    profile: int = 0
    """Number of steps, after the first three, that are traced by torch into trace.json in the run's
    folder; 0 writes none."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "eval_every", "save_every"):
            require(getattr(self, name) > 0, f"train.{name} must be positive")
        require(self.seed >= 0, "train.seed must not be negative")
        require(self.eval_iou_types != (), "train.eval_iou_types must name at least one")
        require(self.profile >= 0, "train.profile must not be negative")
        require(0 <= self.ema_decay < 1, "train.ema_decay must lie in [0, 1)")
        require(
            self.batch_size % self.accumulate == 0,
            "train.batch_size must be a multiple of train.accumulate",
        )


@dataclass(frozen=True)
class EvalConfig:
    """Decoding and evaluation."""

    stage: str | None = None
    """The result that is evaluated, and that the weights of a training run name as theirs: of
    contours init, coarse, refine1, refine2, refine3, sharp, final or final-dml. None takes the one
    with the best main metric on the validation data in training, and in `test.py` the weights'
    own."""
    score_threshold: float = 0.05
    """Detections with a lower score are left out (published: 0.05)."""
    max_detections: int = 100
    """At most this many detections per image, in decoding and in the metric."""
    nms_iou: float = 1.0
    """Class-wise non-maximum suppression on the contours' boxes above this IoU; 1 is none."""
    group_parts: bool = True
    """Make one instance of the parts that vote for one object, where the network has such votes."""
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    """How contours move in the stage sharp, where the network has it."""
    protocol: Literal["coco", "sbd", "cityscapes"] = "coco"
    """What is scored: COCO's AP; SBD's APvol, AP50 and AP70; or COCO's AP and, in test.py, the
    official evaluation of Cityscapes."""
    library: Literal["faster-coco-eval", "pycocotools"] = "faster-coco-eval"
    """Deprecated and without effect: faster-coco-eval computes AP, and tests hold that pycocotools
    gives the same numbers."""
    iou_types: tuple[IouType, ...] = ("segm", "bbox", "boundary")
    """What AP is computed on."""
    per_class: bool = False
    """Also AP of every class."""
    batch_size: int = 1
    """Images read at a time; those of one test size go through the network together."""
    precision: Precision = "fp32"
    """Arithmetic of the convolutions in `test.py`; contours and scores stay in fp32. fp16 needs
    a GPU."""
    compile: bool = False
    """`torch.compile` the network in `test.py`; pays for many images of few sizes."""
    cuda_graphs: bool = False
    """Replay recorded kernels on a CUDA device in `test.py`; pays for images of few sizes."""

    def __post_init__(self) -> None:
        if self.library == "pycocotools":
            warnings.warn(
                "eval.library has no effect any more: leave it out",
                FutureWarning,
                stacklevel=3,
            )
            # Said once: copies of these settings have nothing to say.
            object.__setattr__(self, "library", "faster-coco-eval")
        require(0 <= self.score_threshold <= 1, "eval.score_threshold must lie in [0, 1]")
        require(self.max_detections > 0, "eval.max_detections must be positive")
        require(0 < self.nms_iou <= 1, "eval.nms_iou must lie in (0, 1]")
        require(self.batch_size > 0, "eval.batch_size must be positive")
        require(len(self.iou_types) > 0, "eval.iou_types must name at least one")


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
