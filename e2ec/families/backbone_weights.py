"""Weights of DLA-34's backbone alone: found, fetched and read (`--model.backbone-weights`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from e2ec.config import Config, ModelConfig
from lib.errors import InputError
from network.backbones.dla import DLA
from network.backbones.dla_weights import load_dla_weights
from network.checkpoint_file import read_without_code

IMAGENET = Path("imagenet")
"""What `--model.backbone-weights` calls the classifier that published trainings start from."""
FILE = "dla34-ba72cf86.pth"
HASH = "ba72cf86"
"""What the SHA-256 of the file begins with."""
ADDRESSES = (
    f"http://dl.yf.io/dla/models/imagenet/{FILE}",
    f"https://storage.openvinotoolkit.org/repositories/open_model_zoo/public/2022.1/dla-34/{FILE}",
)
"""Of the authors, and of a mirror for when their server gives nothing; the hash is that of both."""
_WITHOUT = "go on without by --model.backbone-weights none"


def start_backbone(model: ModelConfig, backbone: nn.Module) -> None:
    """Put the weights that the settings name into a DLA-34, in place; nothing if they name none.

    Raises:
        InputError: they cannot be had, or do not fit.
    """
    if model.backbone_weights is None:
        return
    assert isinstance(backbone, DLA)
    path = model.backbone_weights
    if path == IMAGENET and not path.exists():
        path = imagenet_file()
    load_dla_weights(backbone, read_backbone(path), name=str(path))


def start_line(config: Config) -> list[str]:
    """What to tell the user of the backbone's start, at most one line."""
    model = config.model
    assert isinstance(model, ModelConfig)
    named = model.backbone
    if named.name and model.weights is None:
        kept = "frozen" if named.frozen else f"at {named.lr_factor:g} of the learning rate"
        what = "its pretrained weights" if named.pretrained else "random weights"
        return [f"backbone: {named.name}, starts from {what}, {kept}"]
    if model.backbone_weights is None:
        return []
    if model.weights is not None:
        return [
            f"backbone: comes with the weights of the whole network; --model.backbone-weights "
            f"{model.backbone_weights} is left aside"
        ]
    return [
        f"backbone: starts from {model.backbone_weights}; --model.backbone-weights none starts "
        "from random weights"
    ]


def imagenet_file() -> Path:
    """The original ImageNet weights of DLA-34, in torch's cache; fetched if they are not there.

    Raises:
        InputError: there is no way to them, or the file in the cache is another.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    if not path.is_file():
        _fetch(path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(HASH):
        raise InputError(
            f"{path}: damaged: its SHA-256 begins with {found[: len(HASH)]}, not {HASH}; remove "
            f"it to have it fetched again, or {_WITHOUT}"
        )
    return path


def _fetch(path: Path) -> None:
    """Download the file, whole or not at all, with a bar of progress."""
    reasons = []
    for address in ADDRESSES:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(address, str(path), hash_prefix=HASH, progress=True)
            return
        except (OSError, RuntimeError) as error:  # no network; another file than was asked for
            reasons.append(str(getattr(error, "reason", None) or error))
    raise InputError(
        f"{IMAGENET}: the backbone's weights cannot be fetched ({reasons[0]}); put {FILE} into "
        f"{path.parent}, name it by --model.backbone-weights PATH, or {_WITHOUT}"
    )


def read_backbone(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a .safetensors file, or of what `torch.save` wrote, by name; no code is run.

    Raises:
        InputError: the file is missing or unusable.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: weights of the backbone not found; --model.backbone-weights takes a file of "
            f"DLA-34, or '{IMAGENET}'; {_WITHOUT}"
        )
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except (OSError, safetensors.SafetensorError) as error:
            raise InputError(f"{path}: not a safetensors file ({error})") from error
    state: Any = read_without_code(path)
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise InputError(f"{path}: holds no tensors by name; a state dict of DLA-34 is wanted")
    return state
