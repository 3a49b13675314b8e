"""Weights files (safetensors) and training states; written atomically, never unpickled blindly."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from e2ec.engine.evaluate.stages import stage_index
from e2ec.engine.weights.model_card import ModelCard
from lib.errors import InputError
from lib.files import atomic_write_bytes
from network.contour.architecture import ARCHITECTURES
from network.contour.e2ec import E2EC
from network.contour.weights import network_from_state, read_without_code

STATE_VERSION = 1


def save_weights(
    path: str | Path, network: E2EC, card: ModelCard, *, dtype: torch.dtype | None = None
) -> None:
    """Write the weights with their description as safetensors.

    Args:
        dtype: floating-point type in the file, e.g. torch.float16 to halve it; unchanged without.

    Raises:
        InputError: the file cannot be written; a previous one is untouched.
    """
    tensors = {}
    for key, value in network.state_dict().items():
        if dtype is not None and value.is_floating_point():
            value = value.to(dtype)
        tensors[key] = value.detach().cpu().contiguous()
    atomic_write_bytes(path, safetensors.torch.save(tensors, card.to_metadata()))


def load_weights(path: str | Path) -> tuple[E2EC, ModelCard]:
    """The network of a weights file, in evaluation mode, and its description.

    Raises:
        InputError: the file is missing, is not a safetensors file, or does not fit.
    """
    name = str(path)
    try:
        if not Path(path).is_file():
            raise InputError(f"{name}: weights not found; train first, or name a weights file")
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise InputError(f"{name}: weights cannot be read ({error.strerror or error})") from error
    except safetensors.SafetensorError as error:
        raise InputError(f"{name}: not a safetensors weights file ({error})") from error
    card = ModelCard.from_metadata(metadata, name=name)
    network = network_from_state(
        state, name=name, architecture=ARCHITECTURES[card.architecture], clip=card.clip
    )
    try:
        stage_index(card.stage, 2 + len(network.refinement.snakes))
    except InputError as error:
        raise InputError(f"{name}: its description names {error}") from error
    if network.num_classes != len(card.class_names):
        raise InputError(
            f"{name}: weights for {network.num_classes} classes, but {len(card.class_names)} names"
        )
    return network, card


def save_card(weights: str | Path, out: str | Path, card: ModelCard) -> None:
    """Write a weights file with another description; the tensors stay as they are, bit by bit.

    Args:
        weights: a file that `load_weights` takes.
        out: the file to write; may be the same.
        card: the new description.

    Raises:
        InputError: the file cannot be written; a previous one is untouched.
    """
    with safetensors.safe_open(weights, framework="pt") as file:
        metadata = dict(file.metadata() or {})
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    data = safetensors.torch.save(tensors, metadata | card.to_metadata())
    atomic_write_bytes(out, data)


def save_state(path: str | Path, state: dict[str, Any]) -> None:
    """Write a training state: nested dicts and lists of tensors, numbers and strings.

    Raises:
        InputError: it cannot be written; the previous state is untouched.
    """
    # Serialised in memory first: torch reports a full disk in ways of its own.
    buffer = io.BytesIO()
    torch.save({"version": STATE_VERSION, **state}, buffer)
    atomic_write_bytes(path, buffer.getvalue())


def load_state(path: str | Path) -> dict[str, Any]:
    """A training state that `save_state` wrote.

    Raises:
        InputError: missing, damaged, of another version, or holding anything but plain data.
    """
    if not Path(path).is_file():
        raise InputError(
            f"{path}: no training state to resume from; --resume auto starts where there is none"
        )
    state = read_without_code(path)
    if not isinstance(state, dict) or state.get("version") != STATE_VERSION:
        raise InputError(f"{path}: not a training state of this version")
    return state
