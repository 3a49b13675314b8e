"""What a weights file says of itself, besides the weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, cast, get_args

from dataset.transforms.test_transform import TestView
from e2ec.config import Config, EvalConfig, Stage
from e2ec.engine.predict.input_limit import check_view
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES
from network.contour.contour_init import Clip

FORMAT = "e2ec-weights"
VERSION = 1


@dataclass(frozen=True)
class ModelCard:
    """Everything needed to predict with a network as its training meant it."""

    architecture: str
    """Name in `network.contour.architecture.ARCHITECTURES`."""
    class_names: tuple[str, ...]
    """Name of every class, by class index."""
    category_ids: tuple[int, ...]
    """COCO category id of every class."""
    view: TestView = field(default_factory=TestView)
    """How images are shown to the network."""
    stage: Stage = "final-dml"
    """The contour that is the result."""
    score_threshold: float = 0.05
    """Detections below it are left out."""
    max_detections: int = 100
    """At most so many detections an image."""
    nms_iou: float = 1.0
    """Class-wise box NMS above this IoU; 1 is none."""
    group_parts: bool = True
    """Parts whose votes agree become one instance; without effect where the network has no part
    votes."""
    clip: Clip = "edge"
    """How far initial and coarse contours may reach: to the edge of the feature map, where labels
    end, or to its last cell (published weights)."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The full settings of the training run, for the record."""

    def __post_init__(self) -> None:
        if not len(self.class_names) == len(self.category_ids) == len(set(self.category_ids)):
            raise ValueError("every class needs a name and a category id of its own")
        check_view(self.view)
        # The same limits as in the settings.
        EvalConfig(
            score_threshold=self.score_threshold,
            max_detections=self.max_detections,
            nms_iou=self.nms_iou,
        )

    def to_metadata(self) -> dict[str, str]:
        """String metadata of a safetensors file."""
        return {"format": FORMAT, "version": str(VERSION), "card": json.dumps(asdict(self))}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str] | None, *, name: str) -> ModelCard:
        """Read and check metadata from outside.

        Raises:
            InputError: it is not an e2ec weights file, or a field is missing or of a wrong type;
                `name` is the file.
        """
        if not metadata or metadata.get("format") != FORMAT:
            raise InputError(f"{name}: not an e2ec weights file (its description is missing)")
        if metadata.get("version") != str(VERSION):
            raise InputError(f"{name}: weights of another version; update e2ec")
        try:
            card = json.loads(metadata["card"])
            view = card["view"]
            size = view["size"]
            return cls(
                architecture=_choice(card["architecture"], tuple(ARCHITECTURES)),
                class_names=tuple(str(item) for item in card["class_names"]),
                category_ids=tuple(int(item) for item in card["category_ids"]),
                view=TestView(
                    mode=view["mode"],
                    size=None if size is None else (int(size[0]), int(size[1])),
                    zoom=float(view["zoom"]),
                    multiple=int(view["multiple"]),
                    # Files written before there was another are of networks trained here.
                    warp=view.get("warp", "exact"),
                ),
                stage=cast(Stage, _choice(card["stage"], get_args(Stage))),
                score_threshold=float(card["score_threshold"]),
                max_detections=int(card["max_detections"]),
                nms_iou=float(card["nms_iou"]),
                # Files written before there were part votes do not have it.
                group_parts=_flag(card.get("group_parts", True)),
                # Files without it were trained here, on labels that reach the edge.
                clip=cast(Clip, _choice(card.get("clip", "edge"), get_args(Clip))),
                settings=dict(card["settings"]),
            )
        except (
            KeyError,
            TypeError,
            ValueError,
            IndexError,
            OverflowError,
            RecursionError,
        ) as error:
            raise InputError(f"{name}: its description is damaged ({error})") from error


def prediction_settings(config: Config) -> dict[str, Any]:
    """What a card takes from the settings: how images are shown, decoded and put together.

    The stage only where the settings name one.

    Raises:
        InputError: the view is one that no card may ask for.
    """
    try:
        check_view(config.data.view)
    except ValueError as error:
        raise InputError(f"data.view: {error}") from error
    stage = {} if config.eval.stage is None else {"stage": config.eval.stage}
    return {
        **stage,
        "view": config.data.view,
        "score_threshold": config.eval.score_threshold,
        "max_detections": config.eval.max_detections,
        "nms_iou": config.eval.nms_iou,
        "group_parts": config.eval.group_parts,
    }


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _choice(value: object, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
    return str(value)
