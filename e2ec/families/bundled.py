"""The weights that come with the project."""

from __future__ import annotations

from pathlib import Path

BUNDLED_WEIGHTS = Path(__file__).parents[1] / "weights" / "nuclei_nano.safetensors"
BUNDLED = Path("bundled")
"""What `--model.weights` calls the weights that come with the project."""


def weights_path(path: Path) -> Path:
    """The file that `model.weights` means: a path, or the bundled weights by their name."""
    return BUNDLED_WEIGHTS if path == BUNDLED and not path.exists() else path
