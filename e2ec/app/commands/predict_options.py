"""The command line of `e2ec predict`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from dataset.transforms.test_transform import ViewMode
from e2ec.config import ContourSmoothing, Precision
from e2ec.presets import load_preset
from e2ec.results.default_score import DEFAULT_SCORE
from e2ec.results.formats.catalogue import OUTPUT_FORMATS, FormatName
from e2ec.results.formats.options import FormatOptions

_FORMATS = "; ".join(f"{format.name}: {format.line}" for format in OUTPUT_FORMATS.values())


@dataclass(frozen=True)
class PredictOptions:
    """Outline the objects of many images.

    SOURCE is an image, a folder (with all folders inside), a pattern in quotes ("shots/*.png"), or
    a text file with the path of an image a line. Stopped at any moment, the same command goes on
    where it was. An image that cannot be read is listed at the end, and the exit status is then 1.
    """

    source: Annotated[Positional[str], arg(metavar="SOURCE")]
    """Images to predict."""
    weights: Path | None = None
    """Weights (.safetensors, or a published .pth with --preset); None takes the bundled model."""
    to: Annotated[FormatName, arg(help=f"Format to write. {_FORMATS}.")] = "json"
    """Format to write."""
    out: Path | None = None
    """Folder to write; None takes out/predict, and for labelme the folders of the images."""
    overwrite: FlagCreatePairsOff[bool] = False
    """Predict again what is done, and replace results of other weights or settings. Files that a
    person has made or changed (labelme) stay."""
    preset: str | None = None
    """The preset a published checkpoint belongs to, e.g. coco."""
    score: float = DEFAULT_SCORE
    """Instances with a lower score are left out."""
    max_detections: int | None = None
    """At most this many instances an image. None, here and in all that follow, leaves it to the
    weights."""
    nms_iou: float | None = None
    """Class-wise non-maximum suppression on the contours' boxes above this IoU; 1 is none."""
    stage: str | None = None
    """Which of the results of the network: init, coarse, refine1, ..., final or final-dml."""
    view: ViewMode | None = None
    """How images are shown to the network."""
    view_size: tuple[int, int] | None = None
    """Height and width of the input, for views that need them."""
    zoom: float | None = None
    """Enlarge images by this factor, e.g. 2 for objects smaller than those of the training."""
    contour_filter: bool | None = None
    """Contours that are much more jagged than those of the stage before fall back to it."""
    contour_smoothing: ContourSmoothing | None = None
    """resample: vertices at equal distances; smooth: without small ripples, corners stay."""
    simplify: float = 0.0
    """Leave out vertices that lie at most this far from the outline without them, in pixels."""
    valid: FlagCreatePairsOff[bool] = False
    """Mend outlines that cross themselves; GeoJSON and GeoParquet always do."""
    keep: Literal["all", "largest"] = "all"
    """All parts of an object, or the largest one alone."""
    holes: bool = True
    """Keep holes; --no-holes fills them."""
    decimals: int | None = 2
    """Digits after the point of coordinates in pixels; None keeps all."""
    pixel_size: float | None = None
    """Side of a pixel in micrometres: measurements (csv) are given in these too."""
    batch_size: int = 8
    """Images read at a time; neighbours of one input size go through the network together."""
    device: str = "auto"
    """auto, cpu, cuda (cuda:1 is the second one) or mps."""
    precision: Precision = "fp32"
    """Arithmetic of the convolutions: bf16 is faster on a processor that has it."""
    cuda_graphs: FlagCreatePairsOff[bool] = False
    """Replay recorded kernels on a CUDA device: for images of few sizes."""

    @property
    def format_options(self) -> FormatOptions:
        """How outlines are changed before they are written."""
        return FormatOptions(
            self.simplify, self.valid, self.keep, self.holes, self.decimals, self.pixel_size
        )

    def __post_init__(self) -> None:
        _ = self.format_options  # raises ValueError
        if not self.source:
            raise ValueError("SOURCE is empty; name an image, a folder, a pattern or a list")
        if not 0 <= self.score <= 1:
            raise ValueError("--score must lie in [0, 1]")
        if self.max_detections is not None and self.max_detections < 1:
            raise ValueError("--max-detections must be positive")
        if self.nms_iou is not None and not 0 < self.nms_iou <= 1:
            raise ValueError("--nms-iou must lie in (0, 1]")
        if self.zoom is not None and not self.zoom > 0:
            raise ValueError("--zoom must be positive")
        if self.view_size is not None and min(self.view_size) < 1:
            raise ValueError("--view-size must be positive")
        if self.batch_size < 1:
            raise ValueError("--batch-size must be positive")
        if self.preset is not None:
            load_preset(self.preset)
