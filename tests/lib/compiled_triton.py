"""`compiled_triton.py KERNEL CAPABILITY`: compile a Triton kernel for a GPU that need not be here.

Run by `test_triton_deform_conv2d.py` in a process of its own, without Triton's interpreter.
"""

from __future__ import annotations

import sys

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lib.ops import triton_deform_conv2d, triton_kernels

TENSORS = {"input", "offset", "mask", "weight", "bias", "output"}
TENSORS |= {"grad", "grad_offset", "grad_mask"}
SUMS = {"grad_input", "grad_weight"}  # in float32 whatever the type
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SHAPE = triton_deform_conv2d._Shape.of(
    torch.empty(1, 256, 64, 64),
    torch.empty(1, 18, 64, 64),
    torch.empty(256, 256, 3, 3),
    *([1, 1], [1, 1], [1, 1]),
)


def compile_kernel(name: str, capability: int, element: str) -> None:
    """With the largest blocks; fails if there is no matrix product on tensor cores."""
    kernel = getattr(triton_kernels, name)
    constants = triton_deform_conv2d._options(
        SHAPE, TYPES[element], block_p=64, block_o=128 if name == "forward" else 64
    )
    options = {key: constants.pop(key) for key in ("num_warps", "num_stages")}
    if element == "fp32":
        constants["PRECISION"] = "tf32"
    types = dict.fromkeys(kernel.arg_names, "i32")
    types |= {key: "constexpr" for key in constants}
    types |= {key: f"*{element}" for key in TENSORS & types.keys()}
    types |= {key: "*fp32" for key in SUMS & types.keys()}
    places = {(kernel.arg_names.index(key),): value for key, value in constants.items()}
    source = ASTSource(kernel, types, constexprs=places)
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    assert compiled.metadata.shared <= 99 * 1024, "more than a GeForce has"
    assert "mma" in compiled.asm["ptx"] and compiled.asm["cubin"]
    print(name, element, f"{compiled.metadata.shared} bytes of shared memory")


if __name__ == "__main__":
    for each in TYPES:
        compile_kernel(sys.argv[1], int(sys.argv[2]), each)
