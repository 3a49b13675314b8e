"""What backbones of the package `transformers` are made of; loads no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_PASSED_OVER = {
    "architectures", "attn_implementation", "auto_map", "dtype", "id2label", "label2id",
    "out_indices", "problem_type", "quantization_config", "torch_dtype", "transformers_version",
}  # fmt: skip
"""Of a configuration: what is no size, or would have other code run."""
_LARGEST, _DEEPEST = 65536, 512


@dataclass(frozen=True)
class BackboneSettings:
    """The backbone of the architecture `transformers`."""

    name: str = ""
    """A name on the Hugging Face hub (facebook/convnextv2-tiny-22k-224), a local folder that holds
    config.json and model.safetensors, or a model type (convnextv2), which has random weights."""
    pretrained: bool = True
    """Start from the weights that lie there; random ones of the same sizes otherwise."""
    frozen: bool = False
    """The backbone stays as it is, its statistics too; what comes after it learns."""
    lr_factor: float = 1.0
    """The backbone learns at this multiple of the learning rate."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lr_factor) and self.lr_factor > 0):
            raise ValueError("model.backbone.lr_factor must be positive; to keep it, --frozen")
        if self.frozen and self.lr_factor != 1:
            raise ValueError("model.backbone.lr_factor: a frozen backbone has no rate")


@dataclass(frozen=True)
class BackboneDescription:
    """All that is needed to build a backbone again, without the place that it came from."""

    config: dict[str, Any]
    """The configuration of `transformers` as JSON; `model_type` names the kind."""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    """Of the images that it was trained on, R, G, B in 0..1."""
    std: tuple[float, float, float] = IMAGENET_STD
    """Their standard deviations."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> BackboneDescription:
        """A description from outside, checked: sizes that no backbone has are refused.

        Raises:
            KeyError, TypeError, ValueError: something is missing or not what it should be.
        """
        config = plain_config(value["config"])
        mean, std = (_three(value[name]) for name in ("mean", "std"))
        if min(std) <= 0:
            raise ValueError("std must be positive")
        return cls(config, mean, std)


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes of a configuration read as JSON, checked.

    Raises:
        ValueError: a size is one that no backbone has.
    """
    kept = {
        key: value
        for key, value in config.items()
        if not key.startswith("_") and key not in _PASSED_OVER
    }
    if not isinstance(kept.get("model_type"), str) or kept["model_type"] == "timm_backbone":
        raise ValueError("no backbone of transformers' own")
    for key, value in kept.items():
        deep = any(word in key for word in ("depth", "layers", "blocks"))
        _check_sizes(key, value, _DEEPEST if deep else _LARGEST)
    return kept


def _check_sizes(key: str, value: Any, most: int) -> None:
    if isinstance(value, Mapping):
        raise ValueError(f"{key}: a backbone within a backbone")
    if isinstance(value, (list, tuple)):
        if len(value) > _DEEPEST:
            raise ValueError(f"{key}: {len(value)} values")
        for item in value:
            _check_sizes(key, item, most)
    elif isinstance(value, (int, float)) and not -most <= value <= most:
        raise ValueError(f"{key}: {value} is too large")


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    if not all(map(math.isfinite, (red, green, blue))):
        raise ValueError("means and deviations must be finite")
    return red, green, blue
