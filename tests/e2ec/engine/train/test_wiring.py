"""Every setting arrives in the object it is for: all values differ from the defaults and from each
other, so that none can stand in for another."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny_run import tiny

from dataset.loading.loader import TrainingDataset
from e2ec.config import (
    AugmentationSettings,
    Config,
    EvalConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    TargetSettings,
    TestView,
)
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.evaluate import validate as validate_module
from e2ec.engine.train import build
from e2ec.engine.train import trainer as trainer_module
from e2ec.engine.train.run import make_accelerator, train
from e2ec.engine.weights.checkpoint import load_state, load_weights
from e2ec.families.contour.family import CONTOUR
from e2ec.named_settings import with_settings
from lib.errors import InputError
from network.contour.architecture import NANO

pytestmark = pytest.mark.usefixtures("fresh_accelerator")

SQUARE = torch.tensor([[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]])


def distinct(out: Path) -> Config:
    """A tiny run of generated images with a value of its own in every setting that is used."""
    config = tiny(out)
    return replace(
        config,
        model=ModelConfig(architecture="nano", multi_component=True, refinements=3),
        data=replace(
            config.data,
            targets=TargetSettings(vertices=24, directions=2, key_tolerance=7.0, max_instances=9),
            augmentation=AugmentationSettings(crop_size=(64, 96), flip_probability=0.3),
            view=TestView("pad", zoom=1.5, multiple=64),
            workers=1,
        ),
        optim=OptimConfig(
            optimizer="sgd", lr=0.011, weight_decay=0.012, momentum=0.13, milestones=(1,),
            factor=0.14, warmup_steps=1, clip_value=0.0, clip_norm=0.15,
        ),
        loss=LossConfig(
            center_weight=2.0, initial_weight=3.0, coarse_weight=5.0, refinement_weight=7.0,
            parts_weight=11.0, average_refinements=False, matching_start_epoch=4,
            matching_distance="l1",
        ),
        train=replace(config.train, batch_size=4, accumulate=2, seed=17, ema_decay=0.77),
        eval=EvalConfig(
            stage="coarse", score_threshold=0.21, max_detections=22, nms_iou=0.23,
            group_parts=False, batch_size=2, iou_types=("bbox",),
        ),
    )  # fmt: skip


def test_the_contour_loss_sets_in_after_a_share_of_the_run_s_epochs() -> None:
    settings = {
        "loss.contour_weight": 2.0,
        "loss.contour.start": 0.5,
        "loss.contour.stage": "init",
        "train.epochs": 20,
    }
    loss = CONTOUR.loss(with_settings(distinct(Path("unused")), settings))
    assert loss.contour_start == 10
    assert (loss.config.contour_weight, loss.config.contour.stage) == (2.0, "init")


def test_a_stage_that_the_network_lacks_is_refused_before_training() -> None:
    settings = {"loss.contour_weight": 1.0, "loss.contour.stage": "refine4"}
    config = with_settings(distinct(Path("unused")), settings)
    with pytest.raises(InputError, match="refine4: this network has init, coarse, refine1"):
        CONTOUR.build(config, 3)
    CONTOUR.build(with_settings(config, {"loss.contour_weight": 0.0}), 3)
    CONTOUR.build(with_settings(config, {"loss.contour.stage": "refinements"}), 3)


def test_a_contour_loss_of_contours_that_do_not_learn_is_refused() -> None:
    settings = {
        "loss.contour_weight": 1.0,
        "model.sharp.training": "alone",
        "model.weights": Path("unused"),
    }
    with pytest.raises(InputError, match="contour_weight supervises contours"):
        CONTOUR.build(with_settings(distinct(Path("unused")), settings), 3)


def test_losses_are_weighed_as_set() -> None:
    """Contours off by 2, 3, 4 and 5 in every coordinate: smooth L1 is that less a half; votes are
    off by 6. The refinement's two losses are summed, or averaged where that is asked for."""
    config = distinct(Path("unused"))
    loss = CONTOUR.loss(config)
    batch = SimpleNamespace(
        heatmaps=torch.zeros(1, 1, 2, 2),
        ignored_cells=None,
        contours=SQUARE,
        keys=torch.ones(1, 4, dtype=torch.bool),
        object_centers=torch.zeros(1, 2),
    )
    counts = torch.tensor([1.0, 1.0, 4.0])
    stages = {
        name: SQUARE + off
        for name, off in (("init", 2.0), ("coarse", 3.0), ("refine1", 4.0), ("refine2", 5.0))
    }
    logits = torch.zeros(1, 1, 2, 2)
    center = 4 * 0.25 * torch.tensor(2.0).log()  # four negatives: p^2 ln(1 - p) at p = 1/2
    votes = torch.full((1, 2), 6.0)
    plain = 2.0 * center + 3.0 * 1.5 + 5.0 * 2.5 + 7.0 * (3.5 + 4.5) + 11.0 * 5.5
    output = SimpleNamespace(heatmap=logits, stages=stages, object_centers=votes)
    found = loss(output, batch, counts, epoch=3)
    assert found["total"].item() == pytest.approx(plain.item(), rel=1e-5)
    # From epoch 4 on the last module's loss is (a) (4, 0), (10, 4), (10, 10) and (4, 10) against
    # the contour moved by 5: 28 / 8 in L1; (b) every corner against its own: 5; the mean is 4.25.
    found = loss(output, batch, counts, epoch=4)
    assert found["refinement"].item() == pytest.approx(3.5 + 4.25)
    averaged = CONTOUR.loss(with_settings(config, {"loss.average_refinements": True}))
    half = averaged(output, batch, counts, epoch=3)["refinement"]
    assert half.item() == pytest.approx((3.5 + 4.5) / 2)


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_optimiser_settings_arrive(kind: str) -> None:
    settings = replace(distinct(Path("unused")).optim, optimizer=kind)
    network = torch.nn.Linear(2, 2)
    optimizer = build.build_optimizer(settings, network)
    assert type(optimizer).__name__.lower() == kind
    (group,) = optimizer.param_groups
    assert group["params"] == list(network.parameters())
    assert (group["lr"], group["weight_decay"]) == (0.011, 0.012)
    if kind == "sgd":
        assert group["momentum"] == 0.13


def test_loader_settings_arrive() -> None:
    config = distinct(Path("unused"))
    dataset = build_dataset(config, "train")
    loader, sampler = build.build_loader(
        config, dataset, rank=1, world_size=2, device=torch.device("cpu")
    )
    assert (sampler.batch_size, sampler.seed, sampler.length) == (2, 17, 8)
    assert (sampler.rank, sampler.world_size) == (1, 2)
    assert loader.num_workers == 1 and not loader.pin_memory
    examples = loader.dataset
    assert isinstance(examples, TrainingDataset)
    assert (examples.dataset, examples.seed) == (dataset, 17)
    assert isinstance(examples.make_example, partial)
    settings = examples.make_example.keywords
    assert settings["augmentation"] == config.data.augmentation
    assert settings["targets"] == config.data.targets


def test_model_settings_arrive() -> None:
    config = distinct(Path("unused"))
    network = build.build_model(config, 3)
    assert (network.num_classes, network.vertices) == (3, 24)
    assert len(network.refinement.snakes) == 3
    plain = build.build_model(replace(config, model=ModelConfig(architecture="nano")), 3)
    assert len(plain.refinement.snakes) == NANO.refinements == 2 and plain.part_votes is None
    assert network.part_votes is not None and network.training
    other = build.build_model(with_settings(config, {"train.seed": 18}), 3)
    again = build.build_model(config, 3)
    key = "offsets.0.weight"
    assert torch.equal(network.state_dict()[key], again.state_dict()[key])
    assert not torch.equal(network.state_dict()[key], other.state_dict()[key])


def test_the_card_says_what_was_set() -> None:
    config = distinct(Path("unused"))
    card = build.build_card(config, build_dataset(config, "train"))
    assert card.architecture == "nano" and card.view == TestView("pad", zoom=1.5, multiple=64)
    assert (card.stage, card.score_threshold, card.max_detections) == ("coarse", 0.21, 22)
    assert (card.nms_iou, card.group_parts) == (0.23, False)


def test_training_settings_arrive_in_the_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rate, limits of the gradient, epoch and parts of every step; the decay of the average; what
    is asked of an evaluation."""
    steps, evaluations = [], []

    def step(family, network, optimizer, loss, parts, counts, accelerator, **given):  # type: ignore[no-untyped-def]
        rate = optimizer.param_groups[0]["lr"]
        limits = (given["clip_value"], given["clip_norm"])
        sizes = (len(parts), len(parts[0].images))
        steps.append((round(rate, 9), *limits, given["epoch"], *sizes))
        return original(family, network, optimizer, loss, parts, counts, accelerator, **given)

    def predict(predictor, dataset, **options):  # type: ignore[no-untyped-def]
        evaluations.append((options["batch_size"], predictor.card))
        return {}

    original = trainer_module.train_step
    monkeypatch.setattr(trainer_module, "train_step", step)
    monkeypatch.setattr(validate_module, "predict_dataset", predict)
    monkeypatch.setattr(
        validate_module,
        "evaluate_stages",
        lambda results, truth, settings, stage: seen.append(settings) or (stage, {}),
    )
    seen: list[EvalConfig] = []
    config = distinct(tmp_path)
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    assert trainer.state.average is not None and trainer.state.average.decay == 0.77
    assert trainer.run()
    # Warm-up of one step halves the first; from epoch 1 on times 0.14. Two parts of two images.
    first = [(0.0055, 0.0, 0.15, 0, 2, 2), (0.011, 0.0, 0.15, 0, 2, 2)]
    assert steps == first + [(0.00154, 0.0, 0.15, 1, 2, 2)] * 2
    assert evaluations == [(2, trainer.card)] and seen == [config.eval]
    assert config.eval.stage == "coarse"


@pytest.mark.parametrize(("eval_every", "expected"), [(2, [2, 4, 5]), (3, [3, 5])])
def test_evaluations_and_states_come_when_asked(
    eval_every: int, expected: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every so many epochs, and after the last; a state before each evaluation as well."""
    config = tiny(tmp_path, epochs=5, eval_every=eval_every, save_every=4)
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    monkeypatch.setattr(trainer, "_epoch", lambda *arguments: True)
    monkeypatch.setattr(trainer.state.means, "take", dict)
    evaluated, saved = [], []
    monkeypatch.setattr(
        trainer, "_evaluate", lambda report, stop, epoch: evaluated.append(epoch) or {}
    )
    monkeypatch.setattr(trainer, "_save_state", lambda: saved.append(trainer.state.epoch))
    assert trainer.run()
    assert evaluated == expected
    assert saved == sorted([*(epoch - 1 for epoch in expected), 4, 5])


def test_the_moving_average_is_evaluated_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the weights of the last step; both weights files, best and last."""
    shown = []

    class Predictor(trainer_module.Predictor):
        def __init__(self, network, card, **options):  # type: ignore[no-untyped-def]
            shown.append({key: value.clone() for key, value in network.state_dict().items()})
            super().__init__(network, card, **options)

    monkeypatch.setattr(trainer_module, "Predictor", Predictor)
    train(tiny(tmp_path, ema_decay=0.9))
    folder = tmp_path / "synthetic"
    state = load_state(folder / "last/state.pt")
    average = {
        key.removeprefix("module."): value
        for key, value in state["average"].items()
        if key.startswith("module.")
    }
    key = "offsets.2.weight"
    assert not torch.allclose(average[key], state["network"][key])
    saved = [
        load_weights(folder / name)[0]
        for name in ("weights.safetensors", "last/weights.safetensors")
    ]
    assert len(shown) == 1
    for found in (shown[0], *(network.state_dict() for network in saved)):
        assert found.keys() == average.keys()
        assert all(torch.equal(found[key], average[key]) for key in average)


def test_gradients_are_clipped_value_by_value(tmp_path: Path) -> None:
    """One step of plain SGD at rate 1 moves no weight by more than the clip value, and many by just
    that; without a limit some move further."""
    moved = {}
    for clip_value in (1e-3, 0.0):
        optim = OptimConfig("sgd", lr=1.0, weight_decay=0.0, momentum=0.0, clip_value=clip_value)
        config = replace(tiny(tmp_path), optim=optim)
        trainer = trainer_module.Trainer(config, make_accelerator(config))
        before = {name: p.detach().clone() for name, p in trainer.state.network.named_parameters()}
        trainer._step(next(trainer._steps()), SimpleNamespace(requested=False))
        moved[clip_value] = torch.cat(
            [
                (p.detach() - before[n]).abs().flatten()
                for n, p in trainer.state.network.named_parameters()
            ]
        )
    assert moved[1e-3].max() <= 1e-3 * 1.001  # rounded where the weight is large
    assert (moved[1e-3] > 0.999e-3).sum() > 1000
    assert moved[0.0].max() > 0.01
