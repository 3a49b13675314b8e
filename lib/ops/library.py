"""Loading the compiled kernels of the project's operators, where they have been built.

Every operator is defined in Python with a slow, obvious kernel that runs on any device. The
compiled library (`lib/csrc`, built by `make ext` or the installation) adds fast CPU kernels to the
same operators. No library means slower operators; a library that does not load is an error.
Where the package triton is installed (it comes with torch for CUDA), CUDA tensors have kernels
in Triton.
"""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import torch

LIBRARY_PATH = Path(__file__).with_name("_C.so")

# Raised, here and in lib/csrc/library.cpp, where the arguments of a kernel change their meaning.
INTERFACE = 2

# The operators that have a compiled kernel.
COMPILED = (
    "align_contours",
    "deform_conv2d",
    "deform_conv2d_backward",
    "draw_gaussians",
    "heatmap_nms",
    "key_vertices",
    "polygons_to_rle",
    "rasterize_polygons",
    "signed_distances",
    "signed_distances_backward",
    "walk_to_flip",
    "winograd_conv2d",
    "winograd_snake_block",
)


def load_compiled_kernels(path: Path = LIBRARY_PATH) -> bool:
    """Add the compiled kernels in `path` to the operators; False where there is no such file.

    Raises:
        ImportError: the file exists but does not load, was built for another torch, or from older
            sources, without the kernel of an operator.
    """
    if not path.exists():
        return False
    try:
        torch.ops.load_library(path)
        built_for, interface = torch.ops.e2ec.compiled_for(), torch.ops.e2ec.interface()
    except (OSError, AttributeError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise _broken(path, reason) from error
    if built_for != torch.__version__.split("+")[0]:
        raise _broken(path, f"it was built for torch {built_for}, this is {torch.__version__}")
    if interface != INTERFACE:
        raise _broken(path, f"it was built from other sources: {interface} is not {INTERFACE}")
    for name in COMPILED:
        if not torch._C._dispatch_has_kernel_for_dispatch_key(f"e2ec::{name}", "CPU"):
            raise _broken(path, f"it was built from other sources: it has no {name}")
    return True


def register_triton_kernels() -> bool:
    """Add the Triton kernels for CUDA to the operators; False where triton is not installed."""
    if importlib.util.find_spec("triton") is None:
        return False
    for name in ("deform_conv2d", "deform_conv2d_backward"):
        torch.library.impl(f"e2ec::{name}", "cuda", partial(_run_triton, name))
    return True


def _run_triton(name: str, *arguments: Any) -> Any:
    # Imported at the first call: triton takes long to import, and a CPU never needs it.
    from lib.ops.deform import triton_deform_conv2d

    return getattr(triton_deform_conv2d, name)(*arguments)


def describe_kernels() -> str:
    """One line for people: which kernels the operators run on a CPU."""
    if LIBRARY_PATH.exists():
        return f"operators: compiled kernels ({LIBRARY_PATH}, torch {torch.__version__})"
    return (
        "operators: no compiled kernels, the slow PyTorch versions run instead; "
        "`make ext` builds them (needs a C++ compiler)"
    )


def _broken(path: Path, reason: str) -> ImportError:
    return ImportError(
        f"{path}: the compiled operators cannot be loaded ({reason}); rebuild them with "
        "`make ext`, or delete the file to run without them"
    )
