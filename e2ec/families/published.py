"""Checkpoints of a method's authors: how they are told, and the test geometry they want."""

from __future__ import annotations

import re
from pathlib import Path

from e2ec.config import Config
from e2ec.named_settings import with_settings

_TORCHVISION = re.compile(r"\w+_Weights\.\w+")


def is_published(path: Path) -> bool:
    """Whether weights are those of authors, by their name: `.pth` files, and what torchvision calls
    by a name of its own, such as `ResNet50_Weights.IMAGENET1K_V1`."""
    return path.suffix in (".pth", ".pt") or _TORCHVISION.fullmatch(str(path)) is not None


def with_published_warp(config: Config) -> Config:
    """The settings with the test geometry that published weights were trained for."""
    return with_settings(config, {"data.view.warp": "published"})
