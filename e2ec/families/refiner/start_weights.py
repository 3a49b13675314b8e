"""What weights that a refiner starts from bring with them: the architecture."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import Config
from e2ec.families.backbone_weights import start_line
from e2ec.families.bundled import BUNDLED, weights_path
from e2ec.families.model_card import choice
from e2ec.families.published import is_published
from e2ec.families.weights_file import opened_start
from e2ec.named_settings import with_settings
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES, TRANSFORMERS


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
    about = start_line(config)
    if given is None:
        return config, about
    path = weights_path(given)
    brought = _architecture(path, families)
    if "model.architecture" in config.auto:
        # The backbone comes with the weights too.
        chosen = {"model.backbone_weights": None, "model.architecture": brought}
        config = with_settings(config, chosen)
    if brought != config.model.architecture:
        raise InputError(
            f"{path}: its architecture is {brought}, the run's {config.model.architecture}; give "
            f"--model.architecture {brought}, or other --model.weights (None: random ones)"
        )
    line = (
        f"weights: starts from {given} ({brought}), as far as a refiner has the same; "
        "--model.weights None starts from random ones"
    )
    return with_settings(config, {"model.weights": path}), [line, *about]


def _architecture(path: Path, families: tuple[str, ...]) -> str:
    """The architecture of a weights file of one of the families."""
    if is_published(path) and path.is_file():
        return "dla34"
    with opened_start(path, families) as (_, document):
        named = document.get("architecture")
    if named == TRANSFORMERS:
        raise InputError(f"{path}: a refiner cannot start from a backbone of transformers")
    try:
        return choice(named, tuple(ARCHITECTURES))
    except ValueError as error:
        raise InputError(f"{path}: its description is damaged ({error})") from error
