"""`python -m lib.ops` says in one line which kernels the operators run."""

from __future__ import annotations

from lib.ops.library import describe_kernels

if __name__ == "__main__":
    print(describe_kernels())
