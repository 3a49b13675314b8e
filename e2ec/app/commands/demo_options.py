"""The options of `demo.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff

from dataset.transforms.test_transform import ViewMode
from e2ec.app.commands.options import parse_options, usage_error
from e2ec.app.tracks.settings import Matching, Method, TrackSettings
from e2ec.app.web.address import DEFAULT_ADDRESS, parse_address
from e2ec.config import ContourSmoothing, Precision
from e2ec.presets import load_preset
from e2ec.results.default_score import DEFAULT_SCORE
from lib.errors import InputError


@dataclass(frozen=True)
class DemoOptions:
    """Segment images or a video; writes overlays and contours (JSON)."""

    weights: Path | None = None
    """Weights (.safetensors, or a published .pth with --preset); None takes the bundled model."""
    source: str | None = None
    """Image, folder of images, pattern ("shots/*.png"), list (.txt), numbered images
    (shot_%04d.png), video, camera number, URL, screen (screen:2), or - for JPEG pictures on
    standard input (-:640x480: raw pixels); None takes a photograph that comes with
    scikit-image."""
    out: Path = Path("out/demo")
    """Folder for the overlays and contours.json (contours.jsonl for a video or camera)."""
    preset: str | None = None
    """The preset a published checkpoint belongs to, e.g. coco."""
    score: float = DEFAULT_SCORE
    """Instances with a lower score are left out."""
    stage: str | None = None
    """Which of the network's results: init, coarse, refine1, ..., final or final-dml of contours.
    None, here and in the next three, leaves it to the weights."""
    view: ViewMode | None = None
    """How images are shown to the network."""
    view_size: tuple[int, int] | None = None
    """Height and width of the input, for views that need them."""
    zoom: float | None = None
    """Enlarge images by this factor, e.g. 2 for objects smaller than those of the training."""
    contour_filter: bool | None = None
    """Contours that are much more jagged than those of the stage before fall back to it. None, here
    and in the next, leaves it to the weights."""
    contour_smoothing: ContourSmoothing | None = None
    """resample: vertices at equal distances; smooth: without small ripples, corners stay."""
    labels: bool = True
    """Write class and score at the instances, where there is room."""
    device: str = "auto"
    """auto, cpu, cuda (cuda:1 is the second one) or mps."""
    precision: Precision = "fp32"
    """Arithmetic of the convolutions: bf16 is faster on a processor that has it."""
    cuda_graphs: bool = False
    """Replay recorded kernels on a CUDA device: for images, or frames, of few sizes."""
    limit: int | None = None
    """Stop after this many images or frames."""
    recursive: bool = False
    """Read the sub-folders of a folder too."""
    strict: bool = False
    """Stop at the first image or frame that cannot be read, instead of passing it over."""
    policy: Literal["auto", "all", "newest"] = "auto"
    """Process all frames, or the newest and drop those in between. auto: the newest of cameras,
    screens and live URLs, all of everything else."""
    patience: float = 60.0
    """So many seconds a live source that stalls or ends is opened again and again."""
    show: Annotated[bool, FlagCreatePairsOff] = False
    """Open a window. Without a word it opens for what moves, where there is a display."""
    no_show: Annotated[bool, FlagCreatePairsOff] = False
    """Open no window."""
    web: str | None = None
    """Serve a page with the live view at HOST:PORT; alone it means 127.0.0.1:8000. Without
    --source the page has no live view, and takes pictures and videos."""
    track: bool = False
    """Follow objects from frame to frame: each keeps its number and colour."""
    tracker: Method = "bytetrack"
    """Which one follows them."""
    match_by: Matching = "boxes"
    """What is compared from frame to frame."""
    gap: float = 1.0
    """So many seconds a number waits for an object that is not seen."""
    smooth: float = 0.0
    """So many seconds contours are smoothed over along their tracks; 0 leaves them as they are."""

    def __post_init__(self) -> None:
        if self.source == "":
            raise ValueError("--source is empty; name an image, a folder, a video, camera or URL")
        if self.zoom is not None and not self.zoom > 0:
            raise ValueError("--zoom must be positive")
        if self.view_size is not None and min(self.view_size) < 1:
            raise ValueError("--view-size must be positive")
        if not 0 <= self.score <= 1:
            raise ValueError("--score must lie in [0, 1]")
        if self.limit is not None and self.limit < 1:
            raise ValueError("--limit must be positive")
        if not 0 <= self.patience < math.inf:
            raise ValueError("--patience must be 0 seconds or more")
        if self.show and self.no_show:
            raise ValueError("--show and --no-show contradict each other")
        if self.smooth and not self.track:
            raise ValueError("--smooth needs --track")
        _ = self.track_settings

    @property
    def track_settings(self) -> TrackSettings | None:
        """How objects are followed; None where they are not.

        Raises:
            ValueError: a number is out of range.
        """
        if not self.track:
            return None
        return TrackSettings(self.tracker, self.match_by, gap_s=self.gap, smooth=self.smooth)


def parse_demo(arguments: Sequence[str], program: str = "demo.py") -> DemoOptions:
    """The options of `demo.py`; exits with status 2 on a usage error."""
    options = parse_options(DemoOptions, _with_address(arguments), program)
    try:
        if options.preset is not None:
            load_preset(options.preset)
        if options.web is not None:
            parse_address(options.web)
    except InputError as error:
        usage_error(error)
    return options


def _with_address(arguments: Sequence[str]) -> list[str]:
    """The same words; behind `--web` without a value stands the usual address."""
    words: list[str] = []
    for word, following in zip(arguments, [*arguments[1:], "--"], strict=True):
        words.append(word)
        if word == "--web" and following.startswith("--"):
            words.append(DEFAULT_ADDRESS)
    return words
