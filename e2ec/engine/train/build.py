"""Settings -> objects. This and `data.py` are the only places that know both."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from dataset.loading.loader import EpochSampler, TrainingDataset, TrainingLoader, make_loader
from dataset.loading.sample import InstanceDataset
from e2ec.config import Config, LossConfig, OptimConfig
from e2ec.engine.evaluate.stages import stage_index
from e2ec.engine.predict.predictor import is_published
from e2ec.engine.weights.checkpoint import load_weights
from e2ec.engine.weights.model_card import ModelCard, prediction_settings
from e2ec.losses.total import TotalLoss
from lib.errors import InputError
from network.contour.architecture import ARCHITECTURES, Architecture
from network.contour.e2ec import E2EC, build_network
from network.published import load_published


def build_loader(
    config: Config, dataset: InstanceDataset, *, rank: int, world_size: int, device: torch.device
) -> tuple[TrainingLoader, EpochSampler]:
    """The training loader of one process, and the sampler that orders it."""
    if (config.train.batch_size // config.train.accumulate) % world_size:
        raise InputError(
            f"train.batch_size {config.train.batch_size} cannot be shared equally by "
            f"{world_size} processes and {config.train.accumulate} accumulated parts"
        )
    sampler = EpochSampler(
        len(dataset),
        batch_size=config.train.batch_size // config.train.accumulate,
        seed=config.train.seed,
        rank=rank,
        world_size=world_size,
        fill_to=config.train.accumulate if config.train.fill_last else 0,
    )
    examples = TrainingDataset(
        dataset, config.data.augmentation, config.data.targets, seed=config.train.seed
    )
    loader = make_loader(
        examples, sampler, num_workers=config.data.workers, pin_memory=device.type == "cuda"
    )
    return loader, sampler


def build_model(config: Config, num_classes: int) -> E2EC:
    """The network in training mode, with seeded random weights or those the settings name."""
    torch.manual_seed(config.train.seed)
    network = build_network(
        num_classes=num_classes,
        architecture=_architecture(config),
        vertices=config.data.targets.vertices,
        part_votes=config.model.multi_component,
    )
    if config.model.weights is not None:
        _start_from(network, config.model.weights)
    return network.double().train() if config.train.precision == "fp64" else network.train()


def _architecture(config: Config) -> Architecture:
    """The sizes that the settings name, with the number of refinement modules they want."""
    named = ARCHITECTURES[config.model.architecture]
    wanted = config.model.refinements
    return named if wanted is None else replace(named, refinements=wanted)


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

    Raises:
        InputError: the settings name a stage that the network lacks.
    """
    if config.eval.stage is not None:
        stage_index(config.eval.stage, 2 + _architecture(config).refinements)
    settings = config.to_dict()
    del settings["out"], settings["data"]["root"]
    if config.model.weights is not None:
        settings["model"]["weights"] = config.model.weights.name
    return ModelCard(
        architecture=config.model.architecture,
        class_names=dataset.class_names,
        category_ids=dataset.category_ids,
        **prediction_settings(config),
        settings=settings,
    )


def build_optimizer(config: OptimConfig, network: nn.Module) -> torch.optim.Optimizer:
    """The optimiser over all parameters, in the order of the published checkpoints.

    Frozen ones are among them, so that optimiser states are indexed as the published ones are;
    without a gradient they are left alone.
    """
    parameters = list(network.parameters())
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, config.lr, weight_decay=config.weight_decay)


def build_loss(config: LossConfig) -> TotalLoss:
    """The weighted sum of the losses."""
    return TotalLoss(
        center_weight=config.center_weight,
        initial_weight=config.initial_weight,
        coarse_weight=config.coarse_weight,
        refinement_weight=config.refinement_weight,
        parts_weight=config.parts_weight,
        average_refinements=config.average_refinements,
        matching_start_epoch=config.matching_start_epoch,
        matching_distance=config.matching_distance,
    )


def _start_from(network: E2EC, path: Path) -> None:
    """Copy weights; a classifier of another class count keeps its random start, and so do part
    votes that the weights do not have."""
    source = load_published(path) if is_published(path) else load_weights(path)[0]
    state, own = source.state_dict(), network.state_dict()
    if source.num_classes != network.num_classes:
        state = {k: v for k, v in state.items() if not k.startswith("heatmap.2.")}
    if network.part_votes is None:
        state = {k: v for k, v in state.items() if not k.startswith("part_votes.")}
    for key in itertools.chain(state, own):
        fresh = key.startswith(("heatmap.2.", "part_votes.")) and key not in state
        fits = key in state and key in own and state[key].shape == own[key].shape
        if not fresh and not fits:
            raise InputError(f"{path}: weights do not fit the network of this preset ({key})")
    network.load_state_dict(state, strict=False)
