"""The one `device` setting."""

from __future__ import annotations

import torch

from lib.errors import InputError


def select_device(name: str = "auto") -> torch.device:
    """The device of a setting: auto (CUDA, then MPS, then the CPU), cpu, cuda, cuda:N or mps.

    Raises:
        InputError: the device is unknown or not there.
    """
    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device {name!r} is unknown; use auto, cpu, cuda or mps") from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": has_mps}
    if not there.get(device.type, False):
        raise InputError(f"device {name!r} is not available on this machine; use --device auto")
    return device
