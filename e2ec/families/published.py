"""Checkpoints of a method's authors: how they are told, and the test geometry they want."""

from __future__ import annotations

from pathlib import Path

from e2ec.config import Config
from e2ec.named_settings import with_settings


def is_published(path: Path) -> bool:
    """Whether a weights file is one of the authors', by its name: they are `.pth` files."""
    return path.suffix in (".pth", ".pt")


def with_published_warp(config: Config) -> Config:
    """The settings with the test geometry that published weights were trained for."""
    return with_settings(config, {"data.view.warp": "published"})
