"""E2EC: contour-based instance segmentation (Zhang et al., CVPR 2022).

import e2ec

model = e2ec.load_model()
contours = model.predict("image.png")

The commands are functions too: `e2ec.train("custom", {"data.root": "data"})`, see `e2ec.app.verbs`.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from dataset.transforms.test_transform import TestView
    from e2ec.app.commands.report import report
    from e2ec.app.stream.stream import stream
    from e2ec.app.verbs import check, convert, demo, predict, refine, test, train
    from e2ec.engine.predict.predictor import Predictor, load_model
    from e2ec.results.contours import Contours
    from lib.errors import InputError

__all__ = [
    "Contours",
    "InputError",
    "Predictor",
    "TestView",
    "check",
    "convert",
    "demo",
    "load_model",
    "predict",
    "refine",
    "report",
    "stream",
    "test",
    "train",
]

_ROOT = Path(__file__).resolve().parents[1]
_NEIGHBOURS = ("network", "dataset", "lib", "configs")
_STAND_INS = _ROOT / "e2ec" / "neighbours"
_VERBS = ("check", "convert", "demo", "predict", "refine", "test", "train")
"""The commands as functions, in `e2ec.app.verbs`."""
_HOMES = {
    "Contours": "e2ec.results.contours",
    "InputError": "lib.errors",
    "Predictor": "e2ec.engine.predict.predictor",
    "TestView": "dataset.transforms.test_transform",
    "load_model": "e2ec.engine.predict.predictor",
    "report": "e2ec.app.commands.report",
    "stream": "e2ec.app.stream.stream",
    **dict.fromkeys(_VERBS, "e2ec.app.verbs"),
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: `import e2ec` alone stays cheap.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'e2ec' has no attribute {name!r}")


class _CallablePackage(ModuleType):
    """A package that is called like a verb, `e2ec.convert`: it is that function too."""

    def __call__(self, *values: Any, **named: Any) -> Any:
        verb = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module(_HOMES[verb]), verb)(*values, **named)


class _ThisPackage(ModuleType):
    """Importing a package in this one binds its name here, which hides a verb of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _VERBS and type(value) is ModuleType:
            value.__class__ = _CallablePackage
        super().__setattr__(name, value)


def load_neighbour(name: str) -> None:
    """Import the package `name` beside e2ec, whatever else of this name is found first."""
    place = _ROOT / name
    spec = importlib.util.spec_from_file_location(
        name, place / "__init__.py", submodule_search_locations=[str(place)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"package '{name}' cannot be loaded from {place}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _claim_neighbours() -> None:
    """Packages with names as common as these may be somebody else's.

    Where another one would be found first, ours is loaded at once. Processes that are started
    later, such as loader workers, import by themselves: they get our search path, and at its front
    a folder that holds these four names and nothing else.

    Raises:
        ImportError: another package of the name is in use already, or ours is not there.
    """
    foreign = {}
    for name in _NEIGHBOURS:
        if not (_ROOT / name / "__init__.py").is_file():
            raise ImportError(
                f"package '{name}' is not there beside e2ec in {_ROOT}; install e2ec again"
            )
        module = sys.modules.get(name)
        spec = importlib.util.find_spec(name) if module is None else module.__spec__
        where = _origin(spec, module)
        if where in (_ROOT / name, _STAND_INS):
            continue
        if module is not None:
            raise ImportError(
                f"package '{name}' has been imported from {where} already, and e2ec needs the name "
                f"for its own in {_ROOT}; import e2ec before it (the name then means e2ec's), "
                "rename the other one, or run where it is not found"
            )
        foreign[name] = where
    if foreign:
        sys.path.insert(0, str(_STAND_INS))
    for name, where in foreign.items():
        load_neighbour(name)
        if where is not None and _holds_code(where):
            warnings.warn(
                f"'{name}' means e2ec's own package from here on, and not {where}; rename that one "
                "to import both",
                stacklevel=3,
            )


def _origin(spec: ModuleSpec | None, module: ModuleType | None) -> Path | None:
    """The folder of a package, or of the file of a module called like one."""
    file = spec.origin if spec is not None else getattr(module, "__file__", None)
    if file is None:  # a folder without __init__.py
        folders = list(getattr(spec, "submodule_search_locations", None) or ())
        return Path(folders[0]).resolve() if folders else None
    path = Path(file).resolve()
    return path.parent if path.name == "__init__.py" or path.parent == _STAND_INS else path


def _holds_code(where: Path) -> bool:
    """Whether anybody would import this: folders of images and the like are none."""
    return where.is_file() or any(where.glob("*.py"))


_claim_neighbours()
sys.modules[__name__].__class__ = _ThisPackage
