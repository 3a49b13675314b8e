"""The settings of decoding and evaluation; loads no torch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Literal, get_args

from dataset.transforms.test_transform import MAX_ZOOM
from e2ec.contour_mending_config import ContourSmoothing, MendingSettings
from e2ec.data_config import require
from network.sharp.settings import EvolutionSettings

IouType = Literal["segm", "bbox", "boundary"]
Flips = Literal["none", "horizontal", "vertical", "both"]
Precision = Literal["fp32", "bf16", "fp16"]
ExtraMetric = Literal["microscopy", "panoptic", "distances", "calibration"]


@dataclass(frozen=True)
class EvalConfig:
    """Decoding and evaluation."""

    stage: str | None = None
    """The result that is evaluated, and that the weights of a training run name as theirs: of
    contours init, coarse, refine1, refine2, refine3, sharp, final or final-dml. None takes the one
    with the best main metric on the validation data in training, and in `test.py` the weights'
    own."""
    all_stages: bool = True
    """Also score every other stage in `test.py`. False goes no further than the stage that is
    evaluated, and takes less time the earlier it is."""
    score_threshold: float = 0.05
    """Detections with a lower score are left out (published: 0.05)."""
    max_detections: int = 100
    """At most this many detections per image, in decoding and in the metric."""
    nms_iou: float = 1.0
    """Class-wise non-maximum suppression on the contours' boxes above this IoU; 1 is none."""
    iou_power: float = 0.5
    """Where the network predicts the IoU of its contours, the final score is
    score ** (1 - iou_power) * IoU ** iou_power; 0 leaves the IoU out. It is the final score that
    score_threshold is for."""
    flips: Flips = "none"
    """In `test.py` also predict mirrored images and merge what is found: horizontal swaps left and
    right, vertical top and bottom, both has these two and their combination (docs/test-time.md)."""
    scales: tuple[float, ...] = (1.0,)
    """In `test.py` predict images at these sizes, relative to data.view, and merge what is found;
    views count eval.flips times eval.scales, and so does the time."""
    group_parts: bool = True
    """Make one instance of the parts that vote for one object, where the network has such votes."""
    evolution: EvolutionSettings = field(default_factory=EvolutionSettings)
    """How contours move in the stage sharp, where the network has it."""
    contour_filter: bool = False
    """Contours that are much more jagged than those of the stage before fall back to that stage."""
    contour_smoothing: ContourSmoothing = "none"
    """resample: vertices at equal distances along the contour; smooth: small ripples go, corners
    and the area stay."""
    contour_mending: MendingSettings = field(default_factory=MendingSettings)
    """How far these two go."""
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
    extra_metrics: tuple[ExtraMetric, ...] = ()
    """What `test.py` also gives (docs/metrics.md): microscopy, TP / (TP + FP + FN) at several IoUs;
    panoptic, the panoptic quality; distances between matched boundaries; calibration of scores."""
    microscopy_threshold: float | None = None
    """Lowest score of what counts as found in microscopy, panoptic and distances, which have no
    curve over all scores. None takes 0.3, as `demo.py` does, or what `choose_threshold` finds."""
    choose_threshold: int = 0
    """Choose that score on so many images of the training split, for the highest mean microscopy
    score, before the evaluation; 0 chooses none. Chosen on the evaluated images it would flatter.
    """
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
        require(0 <= self.iou_power <= 1, "eval.iou_power must lie in [0, 1]")
        in_range = all(0 < scale <= MAX_ZOOM for scale in self.scales)
        require(
            bool(self.scales) and in_range and len(set(self.scales)) == len(self.scales),
            f"eval.scales must be different numbers in (0, {MAX_ZOOM:g}], one or more",
        )
        require(self.flips in get_args(Flips), f"eval.flips: there is no {self.flips!r}")
        require(self.batch_size > 0, "eval.batch_size must be positive")
        require(len(self.iou_types) > 0, "eval.iou_types must name at least one")
        given = self.microscopy_threshold
        require(given is None or 0 <= given <= 1, "eval.microscopy_threshold must lie in [0, 1]")
        require(self.choose_threshold >= 0, "eval.choose_threshold must not be negative")
        require(
            self.choose_threshold == 0 or bool({*self.extra_metrics} - {"calibration"}),
            "eval.choose_threshold is for eval.extra_metrics microscopy, panoptic and distances; "
            "name one of them",
        )
        require(
            given is None or self.choose_threshold == 0,
            "eval.choose_threshold chooses what eval.microscopy_threshold names; set one of them",
        )
