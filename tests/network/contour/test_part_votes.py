"""Part votes: values by hand, and a network that is the same but for them."""

from __future__ import annotations

import pytest
import torch
from random_networks import random_images as images
from random_networks import random_network

from lib.errors import InputError
from network.contour.architecture import NANO
from network.contour.part_votes import object_centers
from network.contour.weights import network_from_state


def test_votes_by_hand() -> None:
    """At the second part, in cell x = 2, y = 1, the head says (0.3, -0.05), in tens of cells."""
    offsets = torch.tensor([[0.0, 0.0], [0.3, -0.05]])
    votes = object_centers(offsets, torch.tensor([[4, 3], [2, 1]]))
    assert torch.allclose(votes, torch.tensor([[4.0, 3.0], [5.0, 0.5]]))


def test_nothing_else_changes() -> None:
    """Names, order and random start of all other weights, and what they find."""
    without, network = (
        random_network(part_votes=False).eval(),
        random_network(part_votes=True).eval(),
    )
    state, plain = network.state_dict(), without.state_dict()
    assert list(state)[: len(plain)] == list(plain)
    assert [key for key in state if key not in plain] == [
        "part_votes.0.weight", "part_votes.0.bias", "part_votes.2.weight", "part_votes.2.bias",
    ]  # fmt: skip
    assert all(torch.equal(value, state[key]) for key, value in plain.items())
    with torch.no_grad():
        first, second = without(images(2, 64)), network(images(2, 64))
    assert first.object_centers is None
    assert second.object_centers is not None
    assert second.object_centers.shape == second.centers.shape
    assert torch.equal(first.scores, second.scores)
    assert all(torch.equal(a, b) for a, b in zip(first.contours, second.contours, strict=True))


@pytest.mark.parametrize("count", [0, 3])
def test_any_number_of_parts_trains(count: int) -> None:
    network = random_network(part_votes=True)
    centers = torch.arange(2 * count).view(count, 2)
    output = network(images(1, 64), centers, torch.zeros(count, dtype=torch.int64))
    assert output.object_centers is not None and output.object_centers.shape == (count, 2)
    output.object_centers.sum().backward()
    for parameter in network.part_votes.parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all()
    assert (network.part_votes[2].bias.grad.abs().max() > 0) == (count > 0)


def test_under_autocast_votes_stay_in_float32() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        output = random_network(part_votes=True)(
            images(1, 64), torch.tensor([[3, 3]]), torch.tensor([0])
        )
    assert output.object_centers is not None and output.object_centers.dtype == torch.float32


@pytest.mark.parametrize("part_votes", [False, True])
def test_the_weights_say_whether_parts_vote(part_votes: bool) -> None:
    state = random_network(part_votes=part_votes).state_dict()
    network = network_from_state(state, name="w", architecture=NANO)
    assert (network.part_votes is not None) == part_votes
    assert list(network.state_dict()) == list(state)


def test_votes_of_a_wrong_shape_are_refused() -> None:
    state = random_network(part_votes=True).state_dict()
    half = {key: value for key, value in state.items() if key != "part_votes.2.bias"}
    with pytest.raises(InputError, match=r"w: .*1 missing, first part_votes\.2\.bias"):
        network_from_state(half, name="w", architecture=NANO)
    state["part_votes.2.weight"] = torch.zeros(4, 64, 1, 1)
    with pytest.raises(InputError, match=r"w: .*wrong shape, first part_votes\.2\.weight"):
        network_from_state(state, name="w", architecture=NANO)
