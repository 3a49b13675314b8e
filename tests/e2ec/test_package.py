"""`import e2ec` finds its neighbours, also where others of their names would be found first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import e2ec

ROOT = Path(__file__).parents[2]


def run(words: list[str], *path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Python with these words and folders of modules."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(
        [sys.executable, *words],
        env=environment, cwd=cwd, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


NAMES = ["lib", "network", "dataset", "configs"]
OURS = """
import e2ec, sys
import lib, network, dataset, configs
import lib.errors, network.contour.e2ec, dataset.transforms.test_transform, configs.nuclei
for package in (lib, network, dataset, configs):
    assert package.__path__ == [sys.argv[1] + "/" + package.__name__], package
assert not {"train", "test", "demo"} & {spec.name for spec in __import__("pkgutil").iter_modules(
    [path for path in sys.path if "neighbours" in path])}
"""
# A batch from a worker that is started afresh, which unpickles `dataset` before e2ec is imported.
SPAWN = """
import e2ec
from e2ec.engine.predict.predictor import load_model
import multiprocessing
import numpy as np
from pathlib import Path
from torch.utils.data import DataLoader
from e2ec.config import Config
from e2ec.families.contour.family import CONTOUR
from dataset.loading.loader import TrainingDataset
from dataset.synthetic.dataset import SyntheticDataset

if __name__ == "__main__":
    make_example = CONTOUR.example_maker(Config(name="test"), 3)
    data = TrainingDataset(SyntheticDataset(2, seed=0), make_example, seed=0)
    for method in ("fork", "spawn"):
        loader = DataLoader(
            data, batch_sampler=[[(0, 0), (0, 1)]], num_workers=1, collate_fn=CONTOUR.collate,
            multiprocessing_context=method,
        )
        assert [tuple(batch.images.shape) for batch in loader] == [(2, 3, 512, 512)]
    assert load_model(device="cpu").predict(np.zeros((32, 32, 3), np.uint8)).height == 32
    print("done")
"""


def collide(folder: Path, name: str, kind: str) -> Path:
    """Somebody else's package, module, or folder of images, called like one of ours."""
    if kind == "module":
        (folder / f"{name}.py").write_text("MINE = True")
        return folder / f"{name}.py"
    (folder / name).mkdir()
    (folder / name / {"package": "__init__.py", "code": "own.py", "folder": "a.png"}[kind]).touch()
    return folder / name


@pytest.mark.parametrize("kind", ["package", "module", "code", "folder"])
@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_neighbour_is_passed_over(name: str, kind: str, tmp_path: Path) -> None:
    """Ours are imported, and a line says so where the other one could have been meant."""
    place = collide(tmp_path, name, kind)
    done = run(["-c", OURS, str(ROOT)], tmp_path, ROOT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    if kind in ("package", "module"):
        assert f"'{name}' means e2ec's own" in done.stderr and str(place) in done.stderr
    else:
        assert done.stderr == ""


@pytest.mark.parametrize("kind", ["package", "module", "code"])
def test_a_foreign_neighbour_that_is_in_use_is_a_clear_error(kind: str, tmp_path: Path) -> None:
    place = collide(tmp_path, "lib", kind)
    # Without our root on the path: a folder without __init__.py gives way to a package. -S leaves
    # out what is installed, this project among it.
    code = f"import lib, sys; sys.path.append({str(ROOT)!r}); import e2ec"
    done = run(["-S", "-c", code], tmp_path, cwd=tmp_path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert f"package 'lib' has been imported from {place} already" in last and str(ROOT) in last
    assert "import e2ec before it" in last and "rename" in last


@pytest.mark.parametrize("where", ["-c", "script"])
def test_workers_and_prediction_beside_foreign_neighbours(where: str, tmp_path: Path) -> None:
    for name, kind in zip(NAMES, ("package", "module", "package", "folder"), strict=True):
        collide(tmp_path, name, kind)
    if where == "script":
        (tmp_path / "script.py").write_text(SPAWN)
        code = "import runpy; runpy.run_path('script.py', run_name='__main__')"
    else:
        code = SPAWN
    done = run(["-c", code], tmp_path, ROOT, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr[-2000:]


@pytest.mark.parametrize("program", ["train.py", "-m e2ec"])
def test_front_doors_beside_foreign_neighbours(program: str, tmp_path: Path) -> None:
    collide(tmp_path, "lib", "package")
    collide(tmp_path, "dataset", "module")
    arguments = ["-m", "e2ec", "check"] if program == "-m e2ec" else [str(ROOT / program)]
    done = run([*arguments, "--help"], ROOT, cwd=tmp_path)
    assert done.returncode == 0 and "usage" in done.stdout, done.stderr


def test_importing_is_cheap_and_silent(tmp_path: Path) -> None:
    """No torch, no OpenCV, nothing printed, no file written."""
    code = "import sys, e2ec; assert not {'torch', 'cv2', 'numpy'} & set(sys.modules)"
    done = run(["-c", code], ROOT, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_public_names_are_there() -> None:
    assert {"Contours", "InputError", "Predictor", "TestView", "load_model"} <= set(e2ec.__all__)
    for name in e2ec.__all__:
        assert getattr(e2ec, name).__name__.rpartition(".")[2] == name  # e2ec.convert is a package
    with pytest.raises(AttributeError, match="nothing_like_it"):
        e2ec.nothing_like_it  # noqa: B018
