"""What weights that a refiner starts from bring with them: the architecture."""

from __future__ import annotations

from pathlib import Path

import safetensors

from e2ec.config import Config
from e2ec.families.bundled import BUNDLED, weights_path
from e2ec.families.family import wrong_family
from e2ec.families.model_card import card_json, choice
from e2ec.families.published import is_published
from e2ec.named_settings import with_settings
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES


def with_start_weights(config: Config, families: tuple[str, ...]) -> tuple[Config, list[str]]:
    """The settings with the weights to start from, agreeing with them, and what to tell the user.

    Where they are left open, a nano refiner starts from those that come with the project.

    Args:
        config: of the run.
        families: whose weights are taken.

    Raises:
        InputError: the weights are unusable, or of another architecture.
    """
    if "model.weights" in config.auto and config.model.architecture == "nano":
        config = with_settings(config, {"model.weights": BUNDLED})
    given = config.model.weights
    if given is None:
        return config, []
    path = weights_path(given)
    brought = _architecture(path, families)
    if "model.architecture" in config.auto:
        config = with_settings(config, {"model.architecture": brought})
    if brought != config.model.architecture:
        raise InputError(
            f"{path}: its architecture is {brought}, the run's {config.model.architecture}; give "
            f"--model.architecture {brought}, or other --model.weights (None: random ones)"
        )
    line = (
        f"weights: starts from {given} ({brought}), as far as a refiner has the same; "
        "--model.weights None starts from random ones"
    )
    return with_settings(config, {"model.weights": path}), [line]


def _architecture(path: Path, families: tuple[str, ...]) -> str:
    """The architecture of a weights file of one of the families."""
    if not path.is_file():
        raise InputError(
            f"{path}: weights not found; --model.weights takes a weights file, or '{BUNDLED}'"
        )
    if is_published(path):
        return "dla34"
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            document = card_json(file.metadata(), name=str(path))
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not a safetensors weights file ({error})") from error
    # Files written before there were others are of contours.
    if (named := document.get("family", "contour")) not in families:
        raise wrong_family(path, named, families[0])
    try:
        return choice(document.get("architecture"), tuple(ARCHITECTURES))
    except ValueError as error:
        raise InputError(f"{path}: its description is damaged ({error})") from error
