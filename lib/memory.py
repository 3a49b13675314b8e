"""Telling that memory ran out, whoever ran out of it."""

from __future__ import annotations

import errno

# What is said by NumPy, OpenCV, and torch on a CPU, a CUDA device and Apple's; errors of loader
# workers arrive as text alone.
_SIGNS = (
    "MemoryError",
    "Insufficient memory",
    "not enough memory",
    "can't allocate memory",
    "Cannot allocate memory",
    "out of memory",
    "OutOfMemoryError",
    "bad_alloc",
    "ALLOC_FAILED",
    "unable to allocate shared memory",
)
_KILLED = ("DataLoader worker", "is killed by signal", "exited unexpectedly")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: on the host, a device, or in a worker."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # OpenCV's is an Exception of its own; importing OpenCV for its name would cost a second.
    if not isinstance(error, RuntimeError) and type(error).__module__ != "cv2":
        return False
    text = f"{type(error).__name__}: {error}"
    return any(sign in text for sign in _SIGNS)


def is_killed_worker(error: BaseException) -> bool:
    """Whether an exception says that a loader worker was killed, which memory is why most often."""
    text = str(error)
    killed = text.startswith(_KILLED[0]) and any(sign in text for sign in _KILLED[1:])
    return isinstance(error, RuntimeError) and killed
