"""A training step: nothing is waited for, what broke is told in time, and it can be profiled."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny_run import tiny
from torch.utils._python_dispatch import TorchDispatchMode

from e2ec.engine.train import trainer as trainer_module
from e2ec.engine.train.interrupt import StopRequest
from e2ec.engine.train.profile import Profile
from e2ec.engine.train.run import make_accelerator, train
from e2ec.engine.weights.checkpoint import load_state, load_weights
from e2ec.families.preprocess import normalize
from lib.errors import InputError

pytestmark = pytest.mark.usefixtures("fresh_accelerator")


class Waits(TorchDispatchMode):
    """Notes every operation for which the host would wait for a GPU."""

    NAMES = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "bincount", "unique")
    NUMBERS = ("lift_fresh",)
    """Tensors made of Python numbers: on a GPU a copy, which waits."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = function._schema.name.removeprefix("aten::")
        open_ended = name == "repeat_interleave" and (kwargs or {}).get("output_size") is None
        if name in self.NAMES + self.NUMBERS or open_ended:
            self.found.append(name)
        return function(*args, **(kwargs or {}))


def test_a_step_does_not_wait_for_the_device(tmp_path: Path) -> None:
    """Around the network: heat maps, counts, losses, gradients, update, the record."""
    config = tiny(tmp_path)
    config = replace(config, loss=replace(config.loss, contour_weight=1.0))
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    trainer.sampler.set_epoch(0)
    trainer.state.epoch = 1  # with dynamic matching, and with the contour loss
    batch = next(trainer._steps())
    height, width = batch[0].heatmap_size[1:]
    count, vertices = batch[0].contours.shape[:2]

    class Stub(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heatmap = torch.nn.Parameter(torch.zeros(4, 3, height, width))
            self.contours = torch.nn.Parameter(torch.rand(5, count, vertices, 2) * 64)

        def forward(self, *args: object, **kwargs: object) -> SimpleNamespace:
            names = ("init", "coarse", "refine1", "refine2", "refine3")
            stages = dict(zip(names, self.contours, strict=True))
            return SimpleNamespace(heatmap=self.heatmap, stages=stages, object_centers=None)

    trainer.network = Stub()
    # Adam and the moving average count their steps in tensors of the host.
    trainer.state.optimizer = torch.optim.SGD(trainer.network.parameters(), 0.1)
    trainer.state.average = None
    vars(batch[0])["heatmaps"] = torch.zeros(4, 3, height, width)  # a GPU draws them by maps
    normalize(batch[0].images)  # its constants are copied once a process
    with Waits() as waits:
        record, _, _ = trainer._step(batch, StopRequest())
    assert waits.found == []
    losses, norm, stopping = record.read()
    assert losses["total"] > losses["contour"] > 0 and norm > 0 and not stopping


def test_the_network_waits_for_nothing_in_training(tmp_path: Path) -> None:
    """Pixels to contours and back: sampling knows the size of its table from the labels."""
    config = tiny(tmp_path)
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    (batch,) = next(trainer._steps())
    normalize(batch.images)  # its constants are copied once a process
    with Waits() as waits:
        images = normalize(batch.images)
        output = trainer.state.network(
            images, batch.centers, batch.image_index, max_per_image=batch.max_per_image
        )
        sum(stage.sum() for stage in output.contours).backward()
    assert waits.found == []
    with Waits() as waits:
        trainer.state.network(images, batch.centers, batch.image_index)
    assert len(waits.found) > 1


@pytest.mark.parametrize("steps", [1, 2])
def test_a_vote_to_stop_before_an_epoch_s_last_step_counts(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of another process: this one was asked nothing. What is left is the evaluation."""
    config = tiny(tmp_path, batch_size=8 // steps, eval_every=1)
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    assert trainer.state.steps_per_epoch == steps
    original, done = trainer_module.count_step, []

    def count(*args: object, stop: bool, **kwargs: object) -> object:
        done.append(stop)
        counts, _ = original(*args, stop=stop, **kwargs)
        return counts, torch.tensor(float(len(done) == steps))

    monkeypatch.setattr(trainer_module, "count_step", count)
    assert not trainer.run()
    assert done == [False] * steps and (trainer.state.epoch, trainer.state.step) == (0, steps)
    assert load_state(trainer.state.path)["step"] == steps
    resumed = replace(tiny(tmp_path, batch_size=8 // steps, eval_every=1, epochs=2), resume=True)
    assert train(resumed)


@pytest.mark.parametrize("broken_step", [1, 2, 3, 4])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_weights_that_a_broken_step_has_spoilt_are_never_saved(
    what: str, broken_step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told one step late, but before the evaluation and the state at the end of an epoch."""
    original, names = trainer_module.train_step, []

    def step(family: object, network: torch.nn.Module, *args: object, **kwargs: object) -> object:
        names.append(", ".join(name for part in args[2] for name in part.names))
        if len(names) != broken_step:
            return original(family, network, *args, **kwargs)
        parameter = network.heatmap[2].bias
        if what == "loss":
            with torch.no_grad():
                parameter.fill_(float("nan"))
            return original(family, network, *args, **kwargs)
        hook = parameter.register_hook(lambda gradient: gradient * float("inf"))
        values = original(family, network, *args, **kwargs)
        hook.remove()
        return values

    monkeypatch.setattr(trainer_module, "train_step", step)
    with pytest.raises(InputError, match=f"{what} is not finite") as error:
        train(tiny(tmp_path, eval_every=1))
    assert names[broken_step - 1] in str(error.value)
    assert f"epoch {(broken_step + 1) // 2};" in str(error.value)
    for path in (tmp_path / "synthetic").rglob("*"):
        if path.name == "state.pt":
            state = load_state(path)["network"]
            assert all(torch.isfinite(value).all() for value in state.values())
        elif path.suffix == ".safetensors":
            assert all(torch.isfinite(v).all() for v in load_weights(path)[0].state_dict().values())
    assert (tmp_path / "synthetic/last/state.pt").exists() == (broken_step > 2)


def test_profile_writes_a_trace_of_some_steps(tmp_path: Path) -> None:
    train(tiny(tmp_path, epochs=3, profile=2, eval_every=3))
    trace = json.loads((tmp_path / "synthetic/trace.json").read_text())
    events = [event.get("name", "") for event in trace["traceEvents"]]
    assert sum(name.startswith("ProfilerStep#") for name in events) >= 2
    assert any("convolution_backward" in name for name in events)
    assert train(replace(tiny(tmp_path, epochs=4), resume=True))  # profiled or not, it is that run


def profiled(folder: Path, steps: int) -> None:
    """Two steps asked for after the three that are left out, and so many made."""
    with Profile(folder, steps=2) as trace:
        for _ in range(steps):
            torch.ones(3).add(1)
            trace.step()


@pytest.mark.parametrize("steps", [0, 2, 3])
def test_too_few_steps_for_a_trace_are_one_line(
    steps: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    profiled(tmp_path, steps)
    (line,) = [entry.getMessage() for entry in caplog.records]
    assert str(tmp_path / "trace.json") in line and "first 3 steps" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("steps", [4, 5, 9])
def test_a_trace_takes_the_place_of_the_one_before(steps: int, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text("old")
    profiled(tmp_path, steps)
    assert json.loads(path.read_text())["traceEvents"] and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("where", ["folder", "temporary"])
def test_a_trace_that_cannot_be_written_is_named(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    if where == "folder":
        folder.write_text("a file")
    else:
        folder.mkdir()
        (folder / "trace.json").write_text("old")
        monkeypatch.setattr(torch.profiler.profile, "export_chrome_trace", lambda *args: None)
    with pytest.raises(InputError, match=r"trace\.json: cannot be written"):
        profiled(folder, 5)
    if where == "temporary":
        assert (folder / "trace.json").read_text() == "old"
