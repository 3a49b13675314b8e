"""The weights that come with the project."""

from __future__ import annotations

from pathlib import Path

BUNDLED_WEIGHTS = Path(__file__).parents[1] / "weights" / "nuclei_nano.safetensors"
