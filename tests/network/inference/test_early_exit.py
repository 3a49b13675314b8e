"""A network that stops at a stage: what it makes is the same, what comes after is not computed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from random_networks import random_images, random_network
from torch import Tensor

from network.contour.e2ec import E2EC
from network.inference.compile import _compile_exits, compile_network
from network.inference.cuda_graphs import Recording, graph_network
from network.inference.prepare import for_prediction


def random_contour_network(**options: Any) -> E2EC:
    """In evaluation mode, with refinements that move contours far."""
    network = random_network(part_votes=True, **options).eval()
    with torch.no_grad():
        for snake in network.refinement.snakes:
            snake.prediction[-1].weight.mul_(100)
    return network


@pytest.mark.parametrize("way", ["plain", "prepared", "bfloat16", "compiled", "recorded"])
@torch.inference_mode()
def test_the_stages_of_an_early_exit_are_those_of_the_whole_to_the_last_bit(way: str) -> None:
    network = random_contour_network()
    copy: Any = network
    if way != "plain":
        copy = for_prediction(network, torch.bfloat16 if way == "bfloat16" else torch.float32)
    if way == "compiled":
        copy = compile_network(copy, backend="eager")
    if way == "recorded":
        copy = graph_network(copy, record=lambda f, x: Recording(x, f(x), lambda: None))
    # Compiling takes seconds a depth.
    depths = (2,) if way == "compiled" else range(1, len(network.stage_names) + 1)
    with torch.autocast("cpu", torch.bfloat16, enabled=way == "bfloat16"):
        whole = copy(random_images(2, 64), max_detections=4)
        for depth in depths:
            early = copy(random_images(2, 64), max_detections=4, depth=depth)
            assert tuple(early.stages) == network.stage_names[:depth]
            for name, contours in early.stages.items():
                assert torch.equal(contours, whole.stages[name])
            assert torch.equal(early.scores, whole.scores)
            assert torch.equal(early.object_centers, whole.object_centers)
    assert not torch.equal(whole.stages["refine1"], whole.stages["refine2"])


@torch.inference_mode()
def test_what_comes_after_the_exit_does_not_run() -> None:
    network = random_contour_network()
    ran: list[str] = []
    parts = {"coarse": network.global_deformation}
    parts |= dict(zip(network.refinement.stage_names, network.refinement.snakes, strict=True))
    for name, part in parts.items():
        part.register_forward_hook(lambda *_, name=name: ran.append(name))
    for depth in range(1, 5):
        ran.clear()
        network(random_images(1, 32), max_detections=2, depth=depth)
        assert ran == list(network.stage_names[1:depth])


@torch.inference_mode()
def test_sharp_is_offered_where_it_is_within_the_depth() -> None:
    network = random_contour_network(sharp="classify")
    names = network.stage_names
    assert names[-1] == "sharp"
    for depth in (None, len(names)):
        assert list(network(random_images(1, 32), depth=depth).on_demand) == ["sharp"]
    for depth in (1, len(names) - 1):
        assert not network(random_images(1, 32), depth=depth).on_demand


def test_depths_do_not_share_the_limit_of_graphs() -> None:
    """torch refuses a ninth graph of one function; five depths have more of them together."""

    def outline(
        features: Tensor,
        centers: Tensor,
        image_index: Tensor,
        max_per_image: int | None = None,
        depth: int | None = None,
    ) -> tuple[dict[str, Tensor], Tensor | None]:
        stages = {f"stage{i}": centers * i + features.sum() for i in range(depth or 5)}
        return stages, None

    prepared: Any = SimpleNamespace(stage_names=tuple("abcde"), outline=outline)
    compiled = _compile_exits(prepared, backend="eager")
    for depth in (1, 2, 3, 4, 5, None):
        for count in (0, 1, 7):
            for batch in (1, 3):
                given = torch.ones(batch, 2), torch.ones(count, 2), torch.zeros(count)
                stages, _ = compiled(*given, count, depth)
                assert len(stages) == (depth or 5)
                assert all(
                    torch.equal(made, given[1] * i + 2 * batch)
                    for i, made in enumerate(stages.values())
                )
