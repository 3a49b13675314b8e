"""What a weights file says of itself, besides the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from dataset.transforms.test_transform import TestView, check_view
from e2ec.config import Config, EvalConfig
from lib.errors import InputError
from network.sharp.settings import EvolutionSettings

FORMAT = "e2ec-weights"
VERSION = 1


@dataclass(frozen=True)
class ModelCard:
    """Everything needed to predict with a network as its training meant it.

    A family adds fields in a subclass of its own.
    """

    FAMILY: ClassVar[str]
    """Where the family of such cards is: `e2ec.families.find_family.find_family`."""

    architecture: str
    """Name of the network's sizes."""
    class_names: tuple[str, ...]
    """Name of every class, by class index."""
    category_ids: tuple[int, ...]
    """COCO category id of every class."""
    view: TestView = field(default_factory=TestView)
    """How images are shown to the network."""
    stage: str = ""
    """Which of the network's results is the result; an empty name takes the last."""
    score_threshold: float = 0.05
    """Detections below it are left out."""
    max_detections: int = 100
    """At most this many detections an image."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The full settings of the training run, for the record."""

    def __post_init__(self) -> None:
        if not len(self.class_names) == len(self.category_ids) == len(set(self.category_ids)):
            raise ValueError("every class needs a name and a category id of its own")
        check_view(self.view)
        # The same limits as in the settings.
        EvalConfig(score_threshold=self.score_threshold, max_detections=self.max_detections)

    def to_metadata(self, family: str) -> dict[str, str]:
        """String metadata of a safetensors file; `family` is the name of the card's family."""
        card = {"family": family, **asdict(self)}
        return {"format": FORMAT, "version": str(VERSION), "card": json.dumps(card)}

    @classmethod
    def own_fields(cls, card: Mapping[str, Any]) -> dict[str, Any]:
        """The checked fields that a subclass adds, from a card read as JSON.

        Raises:
            KeyError, TypeError, ValueError: one is missing or not what it should be.
        """
        return {}

    @classmethod
    def from_json(cls, card: Mapping[str, Any], *, name: str) -> ModelCard:
        """A card read as JSON, checked.

        Raises:
            InputError: a field is missing or of a wrong type; `name` is the file.
        """
        try:
            view = card["view"]
            size = view["size"]
            return cls(
                architecture=text(card["architecture"]),
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
                stage=text(card["stage"]),
                score_threshold=float(card["score_threshold"]),
                max_detections=int(card["max_detections"]),
                settings=dict(card["settings"]),
                **cls.own_fields(card),
            )
        except _DAMAGE as error:
            raise InputError(f"{name}: its description is damaged ({error})") from error


# What reading a card from outside raises where a value is not what it should be.
_DAMAGE = (KeyError, TypeError, ValueError, IndexError, OverflowError, RecursionError)


def card_json(metadata: Mapping[str, str] | None, *, name: str) -> dict[str, Any]:
    """The card in the metadata of a safetensors file, as JSON, not checked further.

    Raises:
        InputError: it is not an e2ec weights file; `name` is the file.
    """
    if not metadata or metadata.get("format") != FORMAT:
        raise InputError(f"{name}: not an e2ec weights file (its description is missing)")
    if metadata.get("version") != str(VERSION):
        raise InputError(f"{name}: weights of another version; update e2ec")
    try:
        return dict(json.loads(metadata["card"]))
    except _DAMAGE as error:
        raise InputError(f"{name}: its description is damaged ({error})") from error


def prediction_settings(config: Config) -> dict[str, Any]:
    """What every card takes from the settings: how images are shown and decoded.

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
    }


def text(value: object) -> str:
    """`value`, which must be a string."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def choice(value: object, choices: tuple[str, ...]) -> str:
    """`value`, which must be one of the choices."""
    if value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
    return str(value)


def flag(value: object) -> bool:
    """`value`, which must be true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def evolution(value: Mapping[str, Any]) -> EvolutionSettings:
    """How contours move, read as JSON; what is not named is as the paper says."""
    values = asdict(EvolutionSettings()) | dict(value)
    return EvolutionSettings(
        step=float(values.pop("step")),
        adaptive=flag(values.pop("adaptive")),
        **{name: int(value) for name, value in values.items()},
    )
