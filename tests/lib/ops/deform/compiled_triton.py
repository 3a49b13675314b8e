"""Compile the Triton kernels for GPUs that need not be here.

Run by `test_triton_deform_conv2d.py` in a process of its own, without Triton's interpreter.
"""

from __future__ import annotations

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lib.ops.deform import triton_deform_conv2d
from lib.ops.deform.geometry import Geometry
from lib.ops.deform.triton_kernels import backward_samples, backward_weight, forward

TENSORS = {"input", "weight", "bias", "output", "grad"}
POSITIONS = {"offset", "mask", "grad_offset", "grad_mask"}  # may be float32 beside bfloat16
SUMS = {"grad_input", "grad_weight"}  # in float32 whatever the type
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
GEOMETRY = Geometry.of(
    torch.empty(1, 256, 64, 64),
    torch.empty(1, 18, 64, 64),
    torch.empty(256, 256, 3, 3),
    *([1, 1], [1, 1], [1, 1]),
)
PAIR = ("i32", "i32")
SIZES = Geometry(*["i32"] * 13, PAIR, PAIR, PAIR)  # as a signature


def compile_kernel(
    kernel: triton.JITFunction, capability: int, element: str, position: str
) -> None:
    """With the largest blocks; fails if there is no matrix product on tensor cores."""
    block_o = 128 if kernel is forward else 64
    constants = triton_deform_conv2d._options(GEOMETRY, TYPES[element], 64, block_o)
    options = {key: constants.pop(key) for key in ("num_warps", "num_stages")}
    if element == "fp32":
        constants["PRECISION"] = "tf32"
    types = dict.fromkeys(TENSORS, f"*{element}") | dict.fromkeys(POSITIONS, f"*{position}")
    types |= dict.fromkeys(SUMS, "*fp32") | dict.fromkeys(constants, "constexpr")
    types |= {"output_strides": ("i32",) * 3, "g": SIZES}
    signature = {name: types[name] for name in kernel.arg_names}
    places = {(kernel.arg_names.index(key),): value for key, value in constants.items()}
    source = ASTSource(kernel, signature, constexprs=places)
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    assert compiled.metadata.shared <= 99 * 1024, "more than a GeForce has"
    assert "mma" in compiled.asm["ptx"] and compiled.asm["cubin"]
    print(kernel.__name__, element, f"{compiled.metadata.shared} bytes of shared memory")


if __name__ == "__main__":
    for each in (forward, backward_samples, backward_weight):
        compile_kernel(each, 80, "fp32", "fp32")
        compile_kernel(each, 80, "bf16", "bf16")
        compile_kernel(each, 90, "bf16", "fp32")
