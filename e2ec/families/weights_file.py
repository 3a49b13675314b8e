"""Weights that a run starts from: what their file says before the weights themselves are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors

from e2ec.families.bundled import BUNDLED
from e2ec.families.find_family import wrong_family
from e2ec.families.model_card import card_json
from lib.errors import InputError


@contextmanager
def opened_start(path: Path, families: tuple[str, ...]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The open safetensors file and its card as JSON.

    Args:
        path: of a weights file of the project's own.
        families: whose weights are taken; the first is what the run asks for.

    Raises:
        InputError: the file is missing, damaged, no weights file, or of another family.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: weights not found; --model.weights takes a weights file, or '{BUNDLED}'"
        )
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            document = card_json(file.metadata(), name=str(path))
            # Files written before there were others are of contours.
            if (named := document.get("family", "contour")) not in families:
                raise wrong_family(path, named, families[0])
            yield file, document
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not a safetensors weights file ({error})") from error
