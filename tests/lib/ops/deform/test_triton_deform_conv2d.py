"""The Triton kernels: interpreted on the CPU, compiled for GPUs that need not be here, and run on
one where there is one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from deform_case import Case

from e2ec.bench import gpu_operators
from lib.ops import deform_conv2d
from lib.ops.deform import reference
from network.contour.neck import ModulatedDeformConv, Neck

ROOT = Path(__file__).parents[4]
HERE = Path(__file__).parent
HAS_TRITON = importlib.util.find_spec("triton") is not None

needs_triton = pytest.mark.skipif(not HAS_TRITON, reason="the package triton is not installed")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def run(*arguments: str, **environment: str) -> str:
    """A Python process of its own; its output. Triton reads its environment when imported."""
    inherited = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**inherited, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-4000:]
    return result.stdout


@needs_triton
@pytest.mark.slow
def test_equals_the_reference_under_the_interpreter() -> None:
    cases = str(HERE / "interpreted_triton.py")
    output = run("-m", "pytest", "-q", "-p", "no:cacheprovider", cases, TRITON_INTERPRET="1")
    assert " passed" in output


@needs_triton
@pytest.mark.slow
def test_compiles_to_products_on_tensor_cores(tmp_path: Path) -> None:
    """To machine code of an A100 and an H100, which needs neither: what the interpreter accepts,
    the compiler may not."""
    print(run(str(HERE / "compiled_triton.py"), TRITON_CACHE_DIR=str(tmp_path)))


def test_cuda_has_kernels_where_triton_is_installed() -> None:
    for name in ("e2ec::deform_conv2d", "e2ec::deform_conv2d_backward"):
        assert torch._C._dispatch_has_kernel_for_dispatch_key(name, "CUDA") == HAS_TRITON


def test_triton_is_not_imported_for_a_cpu() -> None:
    # torch itself may import triton on a machine with CUDA; ours must add nothing.
    code = "import sys, lib.ops; print('lib.ops.deform.triton_kernels' in sys.modules)"
    assert run("-c", code).strip() == "False"


def test_without_triton_the_reference_stands_for_cuda() -> None:
    code = (
        "import importlib.util as u; find = u.find_spec; "
        "u.find_spec = lambda name, *a: None if name == 'triton' else find(name, *a); "
        "import torch, lib.ops; "
        "has = torch._C._dispatch_has_kernel_for_dispatch_key; "
        "print(has('e2ec::deform_conv2d', 'CUDA'))"
    )
    assert run("-c", code).strip() == "False"


def test_benchmark_rows_need_a_gpu() -> None:
    if torch.cuda.is_available():
        assert next(gpu_operators.rows()).name.startswith("GPU deform_conv2d")
    else:
        assert list(gpu_operators.rows()) == []


def test_benchmark_has_the_shapes_of_the_network() -> None:
    neck = Neck(SimpleNamespace(channels=(64, 128, 256, 512), strides=(4, 8, 16, 32)))
    layers = [m for m in neck.modules() if isinstance(m, ModulatedDeformConv)]
    shapes = sorted((m.weight.shape[1], m.weight.shape[0]) for m in layers)
    listed = [(x.channels, x.outputs) for x in gpu_operators.LAYERS for _ in range(x.count)]
    assert shapes == sorted(listed) and len(listed) == 16


@needs_triton
@needs_gpu
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float32, 2e-5), (torch.float16, 3e-3), (torch.bfloat16, 2e-2)],
)
@pytest.mark.parametrize(("groups", "offset_groups"), [(1, 1), (2, 3)])
def test_equals_the_reference_on_a_gpu(
    dtype: torch.dtype, tolerance: float, groups: int, offset_groups: int
) -> None:
    case = Case(2, 48, 70, (17, 23), groups=groups, offset_groups=offset_groups, dtype=dtype)
    tensors = [t.cuda().requires_grad_() for t in case.tensors()]
    image, offset, weight, _, mask = tensors
    output = deform_conv2d(*tensors, *case.sizes)
    grad = torch.randn_like(output)
    output.backward(grad)
    with torch.no_grad():
        wanted = reference.deform_conv2d(*tensors, *case.sizes)
        gradients = reference.deform_conv2d_backward(grad, image, offset, weight, mask, *case.sizes)
    pairs = [(output, wanted)]
    pairs += zip((x.grad for x in (image, offset, weight, mask)), gradients, strict=True)
    for actual, expected in pairs:
        torch.testing.assert_close(
            actual, expected, rtol=0, atol=tolerance * float(expected.abs().max())
        )
