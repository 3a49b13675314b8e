"""`import e2ec` finds its neighbours, and says so when they are somebody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import e2ec

ROOT = Path(__file__).parents[2]


def run(code: str, *path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment, cwd=cwd, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["lib", "network", "dataset", "configs"])
def test_a_foreign_neighbour_is_a_clear_error(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    done = run("import e2ec", tmp_path, ROOT, cwd=tmp_path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert f"package '{name}' is {tmp_path / name}" in last and str(ROOT) in last


def test_importing_is_cheap_and_silent(tmp_path: Path) -> None:
    """No torch, no OpenCV, nothing printed, no file written."""
    code = "import sys, e2ec; assert not {'torch', 'cv2', 'numpy'} & set(sys.modules)"
    done = run(code, ROOT, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_public_names_are_there() -> None:
    assert {"Contours", "InputError", "Predictor", "TestView", "load_model"} <= set(e2ec.__all__)
    for name in e2ec.__all__:
        assert getattr(e2ec, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_like_it"):
        e2ec.nothing_like_it  # noqa: B018
