"""Compile the Triton kernels for GPUs that need not be here.

Run by `test_triton_deform_conv2d.py` in a process of its own, without Triton's interpreter.
"""

from __future__ import annotations

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lib.ops.deform import triton_backward, triton_deform_conv2d, triton_forward

KERNELS = (
    triton_forward.forward,
    triton_backward.backward_samples,
    triton_backward.backward_weight,
)
TENSORS = {"input", "weight", "bias", "output", "grad"}
POSITIONS = {"offset", "mask", "grad_offset", "grad_mask"}  # may be float32 beside bfloat16
SUMS = {"grad_input", "grad_weight"}  # in float32 whatever the type
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SHAPE = triton_deform_conv2d._Shape.of(
    torch.empty(1, 256, 64, 64),
    torch.empty(1, 18, 64, 64),
    torch.empty(256, 256, 3, 3),
    *([1, 1], [1, 1], [1, 1]),
)


def compile_kernel(
    kernel: triton.JITFunction, capability: int, element: str, position: str
) -> None:
    """With the largest blocks; fails if there is no matrix product on tensor cores."""
    forward = kernel is triton_forward.forward
    constants = triton_deform_conv2d._options(
        SHAPE, TYPES[element], block_p=64, block_o=128 if forward else 64
    )
    options = {key: constants.pop(key) for key in ("num_warps", "num_stages")}
    if element == "fp32":
        constants["PRECISION"] = "tf32"
    types = dict.fromkeys(kernel.arg_names, "i32")
    types |= {key: "constexpr" for key in constants}
    types |= {key: f"*{element}" for key in TENSORS & types.keys()}
    types |= {key: f"*{position}" for key in POSITIONS & types.keys()}
    types |= {key: "*fp32" for key in SUMS & types.keys()}
    places = {(kernel.arg_names.index(key),): value for key, value in constants.items()}
    source = ASTSource(kernel, types, constexprs=places)
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    assert compiled.metadata.shared <= 99 * 1024, "more than a GeForce has"
    assert "mma" in compiled.asm["ptx"] and compiled.asm["cubin"]
    print(kernel.__name__, element, f"{compiled.metadata.shared} bytes of shared memory")


if __name__ == "__main__":
    for each in KERNELS:
        compile_kernel(each, 80, "fp32", "fp32")
        compile_kernel(each, 80, "bf16", "bf16")
        compile_kernel(each, 90, "bf16", "fp32")
