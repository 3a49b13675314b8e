"""Imports run one way: front doors -> e2ec -> network, dataset -> lib. Read, not run."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("e2ec", "network", "dataset", "lib", "configs")
FRONT_DOORS = ("train", "test", "demo")

# What a package may import besides itself and what is installed.
ALLOWED = {
    "lib": set(),
    "network": {"lib"},
    "dataset": {"lib"},
    "e2ec": {"network", "dataset", "lib"},
    "configs": {"e2ec"},
}
# The same inside e2ec; modules that lie directly in it are named by their file.
ALLOWED_IN_E2EC = {
    "config": {
        "contour_loss_config",
        "contour_mending_config",
        "data_config",
        "eval_config",
        "loss_config",
        "mask_config",
        "model_config",
        "optim_config",
        "train_config",
    },
    "model_config": {"data_config"},
    "mask_config": {"data_config", "model_config"},
    "contour_loss_config": {"data_config"},
    "contour_mending_config": {"data_config"},
    "loss_config": {"contour_loss_config", "data_config", "mask_config"},
    "optim_config": {"data_config"},
    "eval_config": {"contour_mending_config", "data_config"},
    "train_config": {"data_config", "eval_config"},
    "data_config": set(),
    "presets": {"config"},
    "__main__": {"app", "bench"},
    "losses": {"config", "contour_loss_config"},
    "results": {"config"},
    "metrics": {"config", "results"},
    "convert": {"config", "results"},
    "families": {"config", "named_settings", "presets", "losses", "results"},
    "engine": {"config", "named_settings", "presets", "families", "results", "metrics"},
    "app": {
        "config",
        "named_settings",
        "presets",
        "families",
        "engine",
        "results",
        "metrics",
        "convert",
    },
    "named_settings": set(),
}
# Measures all of the others.
ALLOWED_IN_E2EC["bench"] = set(ALLOWED_IN_E2EC) - ALLOWED_IN_E2EC["config"] - {"__main__"}


def imports(path: Path) -> set[str]:
    """Dotted names of everything a file imports, wherever in it, also for type checks."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] in (*PACKAGES, *FRONT_DOORS)}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def file_of(name: str, root: Path = ROOT) -> Path | None:
    """The file that a dotted name of ours means: of a module, or of what is in it."""
    base = root.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return file_of(name.rpartition(".")[0], root) if "." in name else None


def circle(files: list[Path], root: Path = ROOT) -> list[str]:
    """Files that import each other in a circle, by whatever import; empty if there are none."""
    graph = {path: {file_of(name, root) for name in ours(path)} - {path, None} for path in files}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(path.relative_to(root)) for path in error.args[1]]
    return []


def test_no_circle_of_files() -> None:
    """Imports inside functions and those for type checks count too."""
    doors = [ROOT / f"{door}.py" for door in FRONT_DOORS]
    assert not circle([*doors, *(path for package in PACKAGES for path in sources(package))])


def test_a_circle_through_a_function_is_found(tmp_path: Path) -> None:
    texts = {
        "a.py": "from lib.b import thing\n",
        "b.py": "from lib import c\n",
        "c.py": "def late():\n    import lib.a\n",
        "d.py": "from lib.a import thing\n",
    }
    (tmp_path / "lib").mkdir()
    for name, text in texts.items():
        (tmp_path / "lib" / name).write_text(text)
    files = sorted((tmp_path / "lib").iterdir())
    assert {*circle(files, tmp_path)} == {"lib/a.py", "lib/b.py", "lib/c.py"}
    (tmp_path / "lib" / "c.py").write_text("")
    assert not circle(files, tmp_path)


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_lies_below_them(package: str) -> None:
    for path in sources(package):
        for name in ours(path):
            top = name.split(".")[0]
            assert top == package or top in ALLOWED[package], f"{path} imports {name}"


def test_front_doors_are_short_and_import_e2ec_alone() -> None:
    for door in FRONT_DOORS:
        for name in ours(ROOT / f"{door}.py"):
            assert name.startswith("e2ec."), f"{door}.py imports {name}"
        assert len((ROOT / f"{door}.py").read_text().splitlines()) <= 60


def test_presets_import_the_settings_alone() -> None:
    for path in sources("configs"):
        for name in ours(path):
            assert name.startswith("e2ec.config"), f"{path} imports {name}"


@pytest.mark.parametrize("room", sorted(ALLOWED_IN_E2EC))
def test_rooms_of_e2ec(room: str) -> None:
    """app -> engine -> families -> losses; all of them -> results; all -> config."""
    folder = ROOT / "e2ec" / room
    for path in sources(f"e2ec/{room}") if folder.is_dir() else [folder.with_suffix(".py")]:
        for name in ours(path):
            if name.startswith("e2ec."):
                other = name.split(".")[1]
                assert other == room or other in ALLOWED_IN_E2EC[room], f"{path} imports {name}"


def test_only_its_family_knows_contours() -> None:
    """Loader, trainer, evaluator, predictor, weights files and commands know families."""
    rooms = ("e2ec/engine", "e2ec/app", "e2ec/metrics", "dataset/loading", "dataset/index")
    contours = ("network.contour", "dataset.contour", "e2ec.families.contour", "e2ec.losses")
    for path in (path for room in rooms for path in sources(room)):
        for name in ours(path):
            assert not name.startswith(contours), f"{path} imports {name}"


def test_every_room_of_e2ec_is_known() -> None:
    rooms = {p.stem for p in (ROOT / "e2ec").iterdir() if p.is_dir() or p.suffix == ".py"}
    # The stand-ins of `neighbours` import e2ec itself and nothing else.
    assert rooms - {"__init__", "__pycache__", "weights", "neighbours"} == set(ALLOWED_IN_E2EC)


def test_the_network_needs_torch_alone() -> None:
    """But for the mask family, which stands on torchvision, and the backbones of transformers;
    the settings of both do not."""
    for path in [*sources("network"), *sources("lib/ops")]:
        foreign = {name.split(".")[0] for name in imports(path)}
        others = {"cv2", "accelerate", "scipy", "pycocotools"}
        if path.parent != ROOT / "network" / "mask" or path.name in ("settings.py", "outputs.py"):
            others.add("torchvision")
        if path.name != "transformers_backbone.py":
            others |= {"transformers", "huggingface_hub"}
        assert not foreign & others, path
