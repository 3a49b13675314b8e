"""Telling that memory ran out, by what raises it for real where that costs nothing."""

from __future__ import annotations

import errno
from functools import partial

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from lib.errors import InputError
from lib.images import decode_image
from lib.memory import is_killed_worker, is_out_of_memory

TERABYTES = 1 << 46


class Fails(Dataset[int]):
    """A data set whose items raise what they are given, in a worker."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        raise self.error


def raised_by(action: object) -> Exception:
    with pytest.raises(Exception) as caught:
        action()
    return caught.value


def test_numpy_and_torch() -> None:
    for allocate in (
        lambda: np.empty(TERABYTES),
        lambda: torch.empty(TERABYTES),
        lambda: bytearray(TERABYTES),
    ):
        assert is_out_of_memory(raised_by(allocate))


SIGNS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("std::bad_alloc"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    cv2.error("OpenCV: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
]
OTHERS = [
    RuntimeError("shapes differ"),
    ValueError("out of memory"),
    InputError("a.png: Cannot allocate memory"),
    OSError(errno.ENOSPC, "No space left on device"),
    cv2.error("OpenCV: error: (-215:Assertion failed) !ssize.empty()"),
]


@pytest.mark.parametrize("error", SIGNS + OTHERS, ids=str)
def test_signs(error: Exception) -> None:
    assert is_out_of_memory(error) == (error in SIGNS) and not is_killed_worker(error)


def test_errors_of_loader_workers() -> None:
    """NumPy's error cannot be made again from its text and arrives as a RuntimeError."""
    too_large = raised_by(lambda: np.empty(TERABYTES))
    for error in (MemoryError(), RuntimeError("bad_alloc"), SIGNS[-1], too_large):
        found = raised_by(partial(list, DataLoader(Fails(error), num_workers=1)))
        assert is_out_of_memory(found), repr(found)


def test_a_killed_worker() -> None:
    text = "DataLoader worker (pid 123) is killed by signal: Killed. "
    assert is_killed_worker(RuntimeError(text))
    assert is_killed_worker(RuntimeError("DataLoader worker (pid(s) 1, 2) exited unexpectedly"))
    assert not is_killed_worker(ValueError(text))


def test_a_lack_of_memory_is_not_called_a_damaged_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise cv2.error("OpenCV: error: (-4:Insufficient memory) Failed to allocate 9 bytes")

    data = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    monkeypatch.setattr(cv2, "imdecode", full)
    with pytest.raises(cv2.error, match="Insufficient"):
        decode_image(data, name="a.png")
