"""`compiled_triton.py KERNEL CAPABILITY`: compile a Triton kernel for a GPU that need not be here.

Run by `test_triton_deform_conv2d.py` in a process of its own, without Triton's interpreter.
"""

from __future__ import annotations

import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from lib.ops import triton_kernels

TENSORS = {"input", "offset", "mask", "weight", "bias", "output"}
TENSORS |= {"grad", "grad_offset", "grad_mask"}
SUMS = {"grad_input", "grad_weight"}  # in float32 whatever the type


def compile_kernel(name: str, capability: int, element: str) -> None:
    """Fails if it does not compile, or without a matrix product on tensor cores."""
    kernel = getattr(triton_kernels, name)
    constants: dict[str, object] = {
        "SEGMENT": 64,
        "PRECISION": "tf32" if element == "fp32" else "ieee",
        "BLOCK_P": 64,
        "BLOCK_C": 32,
        "BLOCK_O": 64,
    }
    types = dict.fromkeys(kernel.arg_names, "i32")
    types |= {key: "constexpr" for key in constants}
    types |= {key: f"*{element}" for key in TENSORS & types.keys()}
    types |= {key: "*fp32" for key in SUMS & types.keys()}
    places = {(kernel.arg_names.index(key),): value for key, value in constants.items()}
    source = ASTSource(kernel, types, constexprs=places)
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32))
    assert "mma" in compiled.asm["ptx"] and compiled.asm["cubin"]
    print(name, element, f"{compiled.metadata.shared} bytes of shared memory")


if __name__ == "__main__":
    for each in ("fp32", "fp16", "bf16"):
        compile_kernel(sys.argv[1], int(sys.argv[2]), each)
