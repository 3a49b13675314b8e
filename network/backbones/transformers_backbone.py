"""Backbones of the package `transformers` (ResNet, ConvNeXt V2, Swin, HGNet-V2, DINOv3 ...).

Any that `AutoBackbone` knows and that gives maps of strides 4, 8, 16 and 32. Code that comes with a
model is never run, and nothing is unpickled: weights are safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lib.errors import InputError
from network.backbones.settings import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    BackboneDescription,
    plain_config,
)

STRIDES = (4, 8, 16, 32)
_PROBE = 64
_NEW = "hidden_states_norms."
"""Normalisations that a backbone adds to a classifier's: they start as ones and zeros."""


class TransformersBackbone(nn.Module):
    """A backbone with a 1x1 convolution and batch normalisation on each of its four maps.

    They bring the maps to the channels that the neck takes. The network is given pixels in one
    normalisation and the backbone was trained with another: the step between them is the first of
    `forward`.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        model: nn.Module,
        *,
        description: BackboneDescription,
        channels: Sequence[int],
        shown_mean: Sequence[float],
        shown_std: Sequence[float],
        frozen: bool = False,
    ) -> None:
        """A backbone in training mode.

        Args:
            model: from `build_model`.
            description: what it was made of.
            channels: of the maps that this gives, finest first.
            shown_mean, shown_std: of the pixels that `forward` is given, B, G, R in 0..1.
            frozen: the model keeps its weights and statistics.

        Raises:
            InputError: its maps are of other strides.
        """
        super().__init__()
        given = _map_sizes(model)
        strides = tuple(_PROBE // side for _, side in given)
        if strides != STRIDES:
            raise InputError(
                f"{description.config['model_type']}: this backbone gives maps of strides "
                f"{', '.join(map(str, strides))}; 4, 8, 16 and 32 are needed"
            )
        self.channels: tuple[int, ...] = tuple(channels)
        self.strides: tuple[int, ...] = STRIDES
        self.frozen = frozen
        self.model = model
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(own, out, 1, bias=False), nn.BatchNorm2d(out))
            for (own, _), out in zip(given, channels, strict=True)
        )
        factor = [s / own for s, own in zip(shown_std[::-1], description.std, strict=True)]
        summand = [
            (m - own) / deviation
            for m, own, deviation in zip(
                shown_mean[::-1], description.mean, description.std, strict=True
            )
        ]
        self.register_buffer("scale", torch.tensor(factor).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", torch.tensor(summand).view(1, 3, 1, 1), persistent=False)
        if frozen:
            model.requires_grad_(False)
        self.train()

    @torch.enable_grad()
    def freeze_unused(self) -> None:
        """Parameters that no map depends on learn nothing: process groups would wait for them."""
        training = self.model.training
        maps = self.model.eval()(torch.zeros(1, 3, _PROBE, _PROBE)).feature_maps
        learning = [it for it in self.model.parameters() if it.requires_grad]
        if learning:
            total = sum(it.sum() for it in maps)
            gradients = torch.autograd.grad(total, learning, allow_unused=True)
            for parameter, gradient in zip(learning, gradients, strict=True):
                parameter.requires_grad_(gradient is not None)
        self.model.train(training)

    def train(self, mode: bool = True) -> TransformersBackbone:
        """Training or evaluation mode; what is frozen stays in the latter."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) B, G, R as shown, sides multiples of 32 -> maps of strides 4 to 32."""
        pixels = images.flip(1) * self.scale + self.shift
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            maps = self.model(pixels).feature_maps
        return [lateral(it) for lateral, it in zip(self.laterals, maps, strict=True)]


def describe(name: str, *, pretrained: bool) -> BackboneDescription:
    """The description of a backbone by its name: see `BackboneSettings.name`.

    Raises:
        InputError: there is none of this name, or it is no backbone.
    """
    library = _library(name)
    if name in library.CONFIG_MAPPING:
        if pretrained:
            raise InputError(
                f"model.backbone.name {name}: a model type has no weights: give "
                "--model.backbone.no-pretrained, or a name on the hub or a folder"
            )
        return BackboneDescription(_four_maps(name, library.AutoConfig.for_model(name)))
    if not Path(name).is_dir() and name.count("/") != 1:
        raise InputError(
            f"model.backbone.name {name}: no folder, no name on the hub (owner/model) and no model "
            "type of transformers"
        )
    with _quiet(library):
        try:
            config = library.AutoConfig.from_pretrained(name, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"model.backbone.name {name}: {_reason(error)}") from error
    shown = _preprocessing(name)
    return BackboneDescription(_four_maps(name, config), **shown)


def build_model(description: BackboneDescription, *, name: str) -> nn.Module:
    """The backbone of a description, with random weights, in training mode.

    Raises:
        InputError: `transformers` is missing or has no such backbone; `name` is what asks for it.
    """
    library = _library(name)
    values = dict(description.config)
    kind = values.pop("model_type")
    try:
        with _quiet(library):
            model: nn.Module = library.AutoBackbone.from_config(
                library.AutoConfig.for_model(kind, **values)
            )
    except Exception as error:  # whatever sizes that do not fit each other lead to
        reason = _reason(error)
        raise InputError(f"{name}: transformers has no such backbone {kind} ({reason})") from error
    return model.train()


def check_sizes(description: BackboneDescription, state: Mapping[str, Tensor], name: str) -> None:
    """Nothing, where these are weights of the backbone; found out before it is given any memory.

    Args:
        description: of a backbone.
        state: weights by the names of its parameters, others among them.
        name: where both came from.

    Raises:
        InputError: they do not fit each other.
    """
    with torch.device("meta"):
        expected = build_model(description, name=name).state_dict()
    for key, value in expected.items():
        if key not in state or state[key].shape != value.shape:
            raise InputError(f"{name}: weights do not fit its backbone: first {key}")


def load_pretrained(backbone: TransformersBackbone, name: str) -> None:
    """Put the weights at a name on the hub or in a folder into the backbone, in place.

    Raises:
        InputError: they cannot be had, are no safetensors, or some are missing.
    """
    library, model = _library(name), backbone.model
    assert isinstance(model, library.PreTrainedModel)
    with _quiet(library):
        try:
            source, found = type(model).from_pretrained(
                name,
                config=model.config,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except Exception as error:
            reason = _reason(error)
            raise InputError(f"model.backbone.name {name}: weights unusable ({reason})") from error
    missing = sorted(key for key in found["missing_keys"] if not key.startswith(_NEW))
    if missing:
        raise InputError(
            f"model.backbone.name {name}: its weights lack {len(missing)} of the backbone's "
            f"tensors, first {missing[0]}"
        )
    model.load_state_dict(source.state_dict())


def _four_maps(name: str, config: Any) -> dict[str, Any]:
    """The plain configuration of a backbone that gives its last four stages."""
    stages = getattr(config, "stage_names", None)
    if not stages or len(stages) < 4:
        raise InputError(f"model.backbone.name {name}: gives no four maps, so it is no backbone")
    values = json.loads(config.to_json_string(use_diff=False))
    try:
        return plain_config({**values, "out_features": list(stages[-4:])})
    except ValueError as error:
        raise InputError(f"model.backbone.name {name}: {error}") from error


def _preprocessing(name: str) -> dict[str, Any]:
    """Mean and deviation that the weights at a name want, as far as a file there says so."""
    path = Path(name) / "preprocessor_config.json"
    if not Path(name).is_dir():
        from huggingface_hub import hf_hub_download  # comes with transformers

        try:
            path = Path(hf_hub_download(name, path.name))
        except (OSError, ValueError):  # not in the repository, or out of reach
            return {}
    if not path.is_file():
        return {}
    try:
        said = json.loads(path.read_text("utf-8"))
        if said.get("do_normalize") is False:
            return {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
        found = {"mean": said.get("image_mean"), "std": said.get("image_std")}
        checked = {key: value for key, value in found.items() if value is not None}
        made = BackboneDescription.from_json({**_USUAL, **checked})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: unusable ({error})") from error
    return {"mean": made.mean, "std": made.std}


_USUAL = {"config": {"model_type": "any"}, "mean": IMAGENET_MEAN, "std": IMAGENET_STD}


@torch.no_grad()
def _map_sizes(model: nn.Module) -> list[tuple[int, int]]:
    """Channels of every map, and its side for a square image of `_PROBE` pixels."""
    training = model.training
    maps = model.eval()(torch.zeros(1, 3, _PROBE, _PROBE)).feature_maps
    model.train(training)
    return [(it.shape[1], it.shape[2]) for it in maps]


def _library(name: str) -> Any:
    """The package, which not every installation has."""
    try:
        import transformers
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        raise InputError(f'{name} needs transformers: pip install -e ".[backbones]"') from error
    return transformers


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Without the reports that the package prints by itself."""
    logging = library.utils.logging
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _reason(error: Exception) -> str:
    """The first line of what another package says."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
