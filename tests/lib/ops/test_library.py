"""Which kernels run: none compiled is fine, a broken library is an error, never a fallback."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import lib
from lib.ops import library

USE = (
    "import torch; from lib.ops import deform_conv2d; "
    "x = deform_conv2d(torch.ones(1, 1, 1, 1), torch.zeros(1, 2, 1, 1), torch.ones(1, 1, 1, 1)); "
    "print(float(x))"
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package without its compiled library."""
    source = Path(lib.__file__).parent
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "csrc")
    shutil.copytree(source, tmp_path / "lib", ignore=ignored)
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=checkout, capture_output=True, text=True, timeout=120
    )


def test_without_a_compiled_library_the_reference_runs(checkout: Path) -> None:
    result = run(checkout, "-c", USE)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "1.0"
    described = run(checkout, "-m", "lib.ops").stdout
    assert "no compiled kernels" in described and "make ext" in described


def test_a_broken_library_is_an_error_in_one_clear_line(checkout: Path) -> None:
    broken = checkout / "lib" / "ops" / "_C.so"
    broken.write_bytes(b"not a shared library")
    result = run(checkout, "-c", USE)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError:") and str(broken) in last and "make ext" in last


def test_a_library_without_our_kernels_is_an_error(checkout: Path) -> None:
    """Another shared library by our name loads, but does not say what torch it is for."""
    import _ctypes

    origin = getattr(_ctypes, "__file__", None)
    if origin is None:
        pytest.skip("this Python has no extension modules as files")
    shutil.copy(origin, checkout / "lib" / "ops" / "_C.so")
    result = run(checkout, "-c", USE)
    assert result.returncode == 1
    assert "ImportError" in result.stderr and "make ext" in result.stderr


def test_a_library_from_older_sources_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator without its compiled kernel would run slowly and say nothing."""
    if not library.LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    assert library.load_compiled_kernels()
    newer = torch.library.Library("e2ec", "FRAGMENT")
    newer.define("newer() -> ()")
    monkeypatch.setattr(library, "COMPILED", (*library.COMPILED, "newer"))
    with pytest.raises(ImportError, match=r"it has no newer.*make ext"):
        library.load_compiled_kernels()


def test_a_library_whose_kernels_take_other_arguments_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not library.LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    monkeypatch.setattr(library, "INTERFACE", library.INTERFACE + 1)
    with pytest.raises(ImportError, match=r"other sources.*make ext"):
        library.load_compiled_kernels()


def test_every_compiled_kernel_is_looked_for() -> None:
    sources = Path(lib.__file__).parent / "csrc" / "cpu"
    text = "".join(path.read_text() for path in sources.rglob("*.cpp"))
    assert sorted(re.findall(r'm\.impl\("(\w+)"', text)) == sorted(library.COMPILED)


def test_a_library_for_another_torch_is_an_error(checkout: Path) -> None:
    built = Path(lib.__file__).parent / "ops" / "_C.so"
    if not built.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    shutil.copy(built, checkout / "lib" / "ops" / "_C.so")
    result = run(checkout, "-c", "import torch; torch.__version__ = '2.7.0'; " + USE)
    assert result.returncode == 1
    assert "this is 2.7.0" in result.stderr.strip().splitlines()[-1]
