"""Weights files (safetensors) and training states; written atomically, never unpickled blindly."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from e2ec.families.family import Family
from e2ec.families.find_family import family_of, find_family
from e2ec.families.model_card import ModelCard
from e2ec.families.published import is_published, with_published_warp
from e2ec.families.read_card import read_card
from e2ec.presets import load_preset
from lib.errors import InputError
from lib.files import atomic_write_bytes
from network.checkpoint_file import read_without_code

STATE_VERSION = 1


def save_weights(
    path: str | Path, network: nn.Module, card: ModelCard, *, dtype: torch.dtype | None = None
) -> None:
    """Write the weights with their description as safetensors.

    Args:
        dtype: floating-point type in the file, e.g. torch.float16 to halve it; None keeps it.

    Raises:
        InputError: the file cannot be written; a previous one is untouched.
    """
    tensors = {}
    for key, value in network.state_dict().items():
        if dtype is not None and value.is_floating_point():
            value = value.to(dtype)
        tensors[key] = value.detach().cpu().contiguous()
    atomic_write_bytes(path, safetensors.torch.save(tensors, card.to_metadata(_family_name(card))))


def load_network(
    path: str | Path, *, preset: str | None = None
) -> tuple[Family[Any, Any], nn.Module, ModelCard]:
    """The family, the network in evaluation mode and the card of a weights file, or of a published
    checkpoint.

    Args:
        path: the file.
        preset: the one that a published checkpoint, or weights of a family of your own, belong to.

    Raises:
        InputError: the file is missing, is not a safetensors file, or does not fit.
    """
    if is_published(Path(path)):
        return _published(Path(path), preset)
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
    family, card = read_card(metadata, name=name, preset=preset)
    network = family.from_state(state, card, name=name)
    if (classes := family.num_classes(network)) != len(card.class_names):
        raise InputError(
            f"{name}: weights for {classes} classes, but {len(card.class_names)} names"
        )
    return family, network, card


def _published(path: Path, preset: str | None) -> tuple[Family[Any, Any], nn.Module, ModelCard]:
    if preset is None:
        raise InputError(
            f"{path}: a published checkpoint needs the preset it belongs to: --preset coco, or in "
            "Python load_model(..., preset='coco')"
        )
    config = with_published_warp(load_preset(preset))
    family = family_of(config)
    network = family.published_network(path)
    return family, network, family.published_card(network, config)


def load_weights(path: str | Path) -> tuple[Any, ModelCard]:
    """The network of a weights file, in evaluation mode, and its description.

    Raises:
        InputError: the file is missing, is not a safetensors file, or does not fit.
    """
    _, network, card = load_network(path)
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
    data = safetensors.torch.save(tensors, metadata | card.to_metadata(_family_name(card)))
    atomic_write_bytes(out, data)


def _family_name(card: ModelCard) -> str:
    return find_family(type(card).FAMILY).name


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
