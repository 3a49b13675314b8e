"""Reading what torch has saved without running code."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

from lib.errors import InputError
from lib.memory import is_out_of_memory


def read_without_code(path: str | Path) -> Any:
    """What `torch.save` wrote to `path`, on the CPU: tensors and plain data alone.

    Raises:
        InputError: the file is missing, damaged, or holds code, which is not run.
    """
    try:
        with warnings.catch_warnings():
            # torch's remarks about a file that it then refuses would hide our own line.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: refused: not a weights-only checkpoint (it holds code or is damaged)"
        ) from error
    except Exception as error:  # damage shows as any exception, anywhere inside torch's reader
        if is_out_of_memory(error):
            raise
        raise InputError(f"{path}: not a checkpoint that torch can read") from error
