"""E2EC: contour-based instance segmentation (Zhang et al., CVPR 2022).

import e2ec

model = e2ec.load_model()
contours = model.predict("image.png")
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataset.view import TestView
    from e2ec.engine.predictor import Predictor, load_model
    from e2ec.results.contours import Contours
    from lib.errors import InputError

__all__ = ["Contours", "InputError", "Predictor", "TestView", "load_model"]

_HOMES = {
    "Contours": "e2ec.results.contours",
    "InputError": "lib.errors",
    "Predictor": "e2ec.engine.predictor",
    "TestView": "dataset.view",
    "load_model": "e2ec.engine.predictor",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: `import e2ec` alone stays cheap.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'e2ec' has no attribute {name!r}")


def _check_neighbours() -> None:
    """Packages with names as common as these may be somebody else's."""
    root = Path(__file__).resolve().parents[1]
    for name in ("network", "dataset", "lib", "configs"):
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
        if origin is None or origin.parent != root / name:
            raise ImportError(
                f"package '{name}' is {origin or 'not there'}, not the one beside e2ec in {root}; "
                "run from the project's folder, in its own virtual environment"
            )


_check_neighbours()
