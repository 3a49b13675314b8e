"""Builds the compiled operators (lib/csrc -> lib/ops/_C.so); the rest is in pyproject.toml.

The installation succeeds without them and says why in one line. E2EC_BUILD=require turns that line
into a failure, E2EC_BUILD=skip does not try.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import setuptools
from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.extension import Extension

ROOT = Path(__file__).parent.absolute()
NAME, LIBRARY = "lib.ops._C", Path("lib", "ops", "_C.so")
VERSIONS = '__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))'


class BuildProblem(Exception):
    """Why the operators cannot be compiled, in one line."""


class BuildOperators(build_ext):
    """build_ext that does without the operators where they cannot be compiled."""

    def get_ext_filename(self, fullname: str) -> str:
        return str(LIBRARY)

    def run(self) -> None:
        wish = os.environ.get("E2EC_BUILD", "auto")
        if wish not in ("auto", "require", "skip"):
            raise SystemExit(f"E2EC_BUILD must be auto, require or skip, not {wish!r}")
        try:
            if wish == "skip":
                raise BuildProblem("E2EC_BUILD=skip")
            super().run()
        except BuildProblem as problem:
            if wish == "require":
                raise SystemExit(f"e2ec: the operators cannot be compiled: {problem}") from problem
            self.extensions = []
            print(
                f"e2ec: operators NOT compiled ({problem}); everything works, but more slowly on a "
                "CPU; `make ext` builds them",
                flush=True,
            )

    def build_extensions(self) -> None:
        check_requirements()
        flags, description = compile_flags()
        print(f"e2ec: compiling the operators with {description}", flush=True)
        try:
            self.build_with_torch(flags)
        except Exception as error:
            # What an earlier build left does not belong to these sources.
            (ROOT / LIBRARY).unlink(missing_ok=True)
            raise BuildProblem(f"compiling failed: {str(error).splitlines()[0]}") from error

    def build_with_torch(self, flags: list[str]) -> None:
        """Run torch's own build_ext (incremental, with ninja where present) in our place."""
        from torch.utils.cpp_extension import BuildExtension, CppExtension

        plain = self.extensions[0]
        self.distribution.ext_modules = [
            CppExtension(
                NAME,
                plain.sources,
                depends=plain.depends,
                extra_compile_args={"cxx": flags},
                py_limited_api=True,  # no Python symbols are needed at all
            )
        ]
        command = BuildExtension(self.distribution, no_python_abi_suffix=True)
        command.build_lib, command.build_temp = self.build_lib, self.build_temp
        command.force, command.debug = self.force, self.debug
        command.ensure_finalized()
        command.run()


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CXX", "c++"))


def check_requirements() -> None:
    if importlib.util.find_spec("torch") is None:
        raise BuildProblem("torch is missing here: install it, then pip --no-build-isolation")
    if shutil.which(compiler()[0]) is None:
        raise BuildProblem(f"there is no C++ compiler {compiler()[0]!r}")


def accepts(flags: list[str], code: str) -> bool:
    """Whether the compiler makes a shared library of `code`."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "probe.cpp"), Path(folder, "probe.so")
        source.write_text(code)
        command = [*compiler(), *flags, "-shared", "-fPIC", str(source), "-o", str(library)]
        return subprocess.run(command, capture_output=True).returncode == 0


def compile_flags() -> tuple[list[str], str]:
    """Compiler arguments, and what was decided, for people."""
    import torch

    # Contraction of a * b + c would change the last bit of rasterised edges.
    flags = ["-O3", "-ffp-contract=off"]
    threads, instructions = "one thread", "the default instruction set"
    if accepts(["-fopenmp"], "#include <omp.h>\nint f() { return omp_get_max_threads(); }"):
        # Linked without -fopenmp on purpose: the process must have torch's own runtime only.
        flags.append("-fopenmp")
        threads = "OpenMP threads"
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    if x86 and accepts([], f"{VERSIONS} int f(int x) {{ return 3 * x; }}"):
        flags.append("-DE2EC_USE_TARGET_CLONES")
        instructions = "x86-64 baseline, AVX2 and AVX-512 versions"
    ninja = "ninja" if shutil.which("ninja") else "no ninja"
    parts = (shlex.join(compiler()), f"torch {torch.__version__}", threads, instructions, ninja)
    return flags, ", ".join(parts)


def operators() -> Extension:
    folder = ROOT / "lib" / "csrc"
    sources, headers = (
        sorted(str(path.relative_to(ROOT)) for path in folder.rglob(pattern))
        for pattern in ("*.cpp", "*.h")
    )
    return Extension(NAME, sources, depends=headers)


if __name__ == "__main__":
    if int(setuptools.__version__.split(".")[0]) < 77:
        raise SystemExit("e2ec: the build needs setuptools >= 77: pip install -U setuptools")
    setup(ext_modules=[operators()], cmdclass={"build_ext": BuildOperators})
