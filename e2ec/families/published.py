"""Checkpoints of a method's authors: how they are told, and the test geometry they want."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from e2ec.config import Config


def is_published(path: Path) -> bool:
    """Whether a weights file is one of the authors', by its name: they are `.pth` files."""
    return path.suffix in (".pth", ".pt")


def with_published_warp(config: Config) -> Config:
    """The settings with the test geometry that published weights were trained for."""
    view = replace(config.data.view, warp="published")
    return replace(config, data=replace(config.data, view=view))
