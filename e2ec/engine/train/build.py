"""Settings -> the loader, the network, its card and its optimiser, through the family."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dataset.loading.loader import EpochSampler, TrainingDataset, TrainingLoader, make_loader
from dataset.loading.sample import InstanceDataset
from e2ec.config import Config, OptimConfig
from e2ec.engine.weights.checkpoint import load_network
from e2ec.families.family import Family
from e2ec.families.find_family import family_of, wrong_family
from e2ec.families.model_card import ModelCard, prediction_settings
from e2ec.families.published import is_published
from lib.errors import InputError

logger = logging.getLogger(__name__)


def build_loader(
    config: Config, dataset: InstanceDataset, *, rank: int, world_size: int, device: torch.device
) -> tuple[TrainingLoader, EpochSampler]:
    """The training loader of one process, and the sampler that orders it."""
    if (config.train.batch_size // config.train.accumulate) % world_size:
        raise InputError(
            f"train.batch_size {config.train.batch_size} cannot be shared equally by "
            f"{world_size} processes and {config.train.accumulate} micro-batches"
        )
    sampler = EpochSampler(
        len(dataset),
        batch_size=config.train.batch_size // config.train.accumulate,
        seed=config.train.seed,
        rank=rank,
        world_size=world_size,
        fill_to=config.train.accumulate if config.train.fill_last else 0,
    )
    family = family_of(config)
    make_example = family.example_maker(config, len(dataset.class_names))
    loader = make_loader(
        TrainingDataset(dataset, make_example, seed=config.train.seed),
        sampler,
        family.collate,
        num_workers=config.data.workers,
        pin_memory=device.type == "cuda",
    )
    return loader, sampler


def build_model(config: Config, num_classes: int) -> nn.Module:
    """The network in training mode, with seeded random weights or those the settings name."""
    torch.manual_seed(config.train.seed)
    family = family_of(config)
    network = family.build(config, num_classes)
    if config.model.weights is not None:
        _start_from(family, network, config.model.weights, config.preset)
    elif not _continues(config):
        family.start_parts(config, network)
    return network.double().train() if config.train.precision == "fp64" else network.train()


def _continues(config: Config) -> bool:
    """Whether a training state is about to replace all weights."""
    saved = (config.out / config.name / "last" / "state.pt").exists()
    return config.resume or (config.resume_or_start and saved)


def lay_out(network: nn.Module, device: torch.device) -> None:
    """Put the weights into the memory layout that trains fastest on `device`, in place.

    On a CPU the convolutions and their gradients want all channels of a pixel side by side; maps
    follow the weights, and so do gradients, moments and moving averages. The numbers are the same,
    and states and weights files of either layout load into the other.
    """
    if device.type == "cpu":
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def build_card(config: Config, dataset: InstanceDataset) -> ModelCard:
    """What the weights of this run will say of themselves.

    Weights are passed on: the folders they were made in stay out of them.
    """
    family = family_of(config)
    settings = config.to_dict()
    del settings["out"], settings["data"]["root"]
    for name in ("weights", "backbone_weights"):
        if settings["model"].get(name) is not None:
            settings["model"][name] = Path(settings["model"][name]).name
    backbone = settings["model"].get("backbone")
    if isinstance(backbone, dict) and Path(backbone["name"]).is_dir():
        backbone["name"] = Path(backbone["name"]).name
    return family.card_type(
        architecture=config.model.architecture,
        class_names=dataset.class_names,
        category_ids=dataset.category_ids,
        **prediction_settings(config),
        **family.card_fields(config),
        **family.network_fields(config),
        settings=settings,
    )


def build_optimizer(
    config: OptimConfig, network: nn.Module, factors: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """The optimiser over all parameters, in the order of the published checkpoints.

    Those with a factor (`Family.rate_factors`) are groups of their own, which note it as
    "lr_factor".

    Frozen ones are included, so that optimiser states are indexed as the published ones are;
    without a gradient they are left alone.
    """
    parameters: list[Any] = list(network.parameters())
    if factors:
        parameters = _groups(network, factors)
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, config.lr, weight_decay=config.weight_decay)


def _groups(network: nn.Module, factors: Mapping[str, float]) -> list[dict[str, Any]]:
    """Parameters by the factor of their rate; those without one first."""
    named = list(network.named_parameters())
    rest = [p for name, p in named if not name.startswith(tuple(factors))]
    groups: list[dict[str, Any]] = [{"params": rest}]
    for prefix, factor in factors.items():
        own = [p for name, p in named if name.startswith(prefix)]
        groups.append({"params": own, "lr_factor": factor})
    return groups


def _start_from(
    family: Family[Any, Any], network: nn.Module, path: Path, preset: str | None
) -> None:
    """Copy weights; what the family does not transfer keeps its random start, and is named."""
    if is_published(path):
        source = family.published_start(path)
    else:
        other, source, _ = load_network(path, preset=preset)
        if other.name not in (family.name, *family.starts_from):
            raise wrong_family(path, other.name, family.name)
    left = family.untransferred(source, network)
    own = network.state_dict()
    given = family.start_state(source, network)
    state = {key: value for key, value in given.items() if not key.startswith(left)}
    for key in itertools.chain(state, own):
        fits = key in state and key in own and state[key].shape == own[key].shape
        if not fits and not key.startswith(left):
            raise InputError(f"{path}: weights do not fit the network of this preset ({key})")
    if random := [part for part in left if any(key.startswith(part) for key in own)]:
        names = ", ".join(part.rstrip(".") for part in random)
        logger.warning(
            "%s: not in these weights, or of another kind; random at first: %s", path, names
        )
    network.load_state_dict(state, strict=False)
