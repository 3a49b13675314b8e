"""What stands before the refinements: boxes, no global deformation, another hidden layer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from random_networks import random_images, random_network

from lib.errors import InputError
from lib.polygons.box_shapes import BoxShape, box_contours
from network.contour.architecture import NANO
from network.contour.box_init import SIZE_SCALE, SMALLEST, BoxHead
from network.contour.contour_start import ContourStart
from network.contour.e2ec import build_network
from network.contour.weights import network_from_state, untransferred_start
from network.inference.prepare import for_prediction
from network.layers.precision import PRECISIONS

CENTERS, IMAGES = torch.tensor([[3, 4], [9, 2], [5, 5]]), torch.tensor([0, 0, 1])
BASELINE = ContourStart("box_octagon", global_deformation=False)


def test_a_box_is_drawn_around_the_centre_and_refined_at_once() -> None:
    """By hand: 10 cells times the softplus of what the head says, four pixels a cell."""
    network = random_network(start=BASELINE)
    assert network.stage_names == ("init", "refine1", "refine2")
    with torch.no_grad():
        network.offsets[2].weight.zero_()
        network.offsets[2].bias.copy_(torch.tensor([-1.0, 0.5]))
    output = network(random_images(2, 64), CENTERS, IMAGES)
    assert tuple(output.stages) == network.stage_names
    sizes = 10 * F.softplus(torch.tensor([[-1.0, 0.5]])).expand(3, 2)
    expected = CENTERS[:, None] + box_contours(sizes, 32, "octagon")
    assert torch.allclose(output.stages["init"], 4 * expected, atol=1e-4)
    # Refinements teach neither the box nor where it is.
    output.stages["refine2"].sum().backward()
    assert network.offsets[2].bias.grad is None


def test_an_activation_between_changes_the_coarse_contour_alone() -> None:
    plain, other = (
        random_network(start=ContourStart(global_activation=name)) for name in ("none", "relu")
    )
    assert all(
        torch.equal(a, b) for a, b in zip(plain.parameters(), other.parameters(), strict=True)
    )
    images = random_images(2, 64)
    one, two = plain(images, CENTERS, IMAGES), other(images, CENTERS, IMAGES)
    assert torch.equal(one.stages["init"], two.stages["init"])
    assert not torch.allclose(one.stages["coarse"], two.stages["coarse"])
    deformation = other.global_deformation
    assert deformation is not None
    with torch.no_grad():  # where the hidden layer is positive, the activation does nothing
        deformation.trans_poly.weight.zero_()
        changed = other(images, CENTERS, IMAGES)
        moved = (changed.stages["coarse"] - changed.stages["init"]) / 16
        expected = deformation.trans_fuse.bias.view(-1, 2).expand_as(moved)
        assert torch.allclose(moved, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("start", "vertices"),
    [
        (BASELINE, 32),
        (ContourStart("box_ellipse", global_activation="relu"), 48),
        (ContourStart(global_deformation=False), None),
    ],
)
@torch.inference_mode()
def test_weights_give_the_same_network_again(start: ContourStart, vertices: int | None) -> None:
    """Also one whose hidden layer is of another width than the architecture's."""
    sizes = replace(NANO, global_hidden=40)
    network = random_network(sizes, start=start, vertices=vertices or 32).eval()
    state = network.state_dict()
    again = network_from_state(state, name="w", architecture=NANO, start=start, vertices=vertices)
    images = random_images(2, 64)
    one, two = network(images), again(images)
    assert len(one.scores) > 0 and tuple(one.stages) == again.stage_names
    for name, contours in one.stages.items():
        assert torch.equal(contours, two.stages[name])
    if vertices is not None:
        for wrong in (None, 0, 33, 10**7):
            with pytest.raises(InputError, match="vertices for a box's contour"):
                network_from_state(state, name="w", architecture=NANO, start=start, vertices=wrong)
    with pytest.raises(InputError, match="weights do not fit"):
        network_from_state(state, name="w", architecture=NANO)


@pytest.mark.parametrize("shape", ["octagon", "ellipse"])
def test_a_box_of_no_size_has_a_contour_and_gradients(shape: BoxShape) -> None:
    """A softplus of -200 is 0 in float32, and edges of length 0 would be divided by."""
    head = BoxHead(4, 4, vertices=16, shape=shape)
    values = torch.tensor([[-200.0, -200.0], [-200.0, 0.0], [0.0, 0.0]], requires_grad=True)
    contours = head.contours(values, torch.zeros(3, 2, dtype=torch.int64))
    contours.square().sum().backward()
    assert contours.isfinite().all() and values.grad is not None and values.grad.isfinite().all()
    sides = contours.detach().amax(1) - contours.detach().amin(1)
    full = SIZE_SCALE * F.softplus(torch.zeros(())).item()
    wanted = torch.tensor([[SMALLEST, SMALLEST], [SMALLEST, full], [full, full]])
    assert torch.allclose(sides, wanted, rtol=1e-3)


@torch.inference_mode()
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_prediction_is_that_of_the_plain_network(precision: str) -> None:
    for start in (BASELINE, ContourStart(global_activation="relu")):
        network = random_network(start=start).eval()
        prepared = for_prediction(network, PRECISIONS[precision])
        images = random_images(2, 64)
        features, _ = network.dense(images)
        plain, _ = network.outline(features, CENTERS, IMAGES)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            fast, _ = prepared.outline(features, CENTERS, IMAGES, None)
        assert tuple(plain) == tuple(fast) == prepared.stage_names
        tolerance = 1e-3 if precision == "fp32" else 0.5
        assert all(torch.allclose(plain[name], fast[name], atol=tolerance) for name in plain)


def test_what_other_weights_are_not_for() -> None:
    learned = random_network()
    box, bare = random_network(start=BASELINE), random_network(start=ContourStart("box_ellipse"))
    wide = random_network(replace(NANO, global_hidden=40))
    assert untransferred_start(learned, learned) == ()
    assert untransferred_start(learned, box) == ("offsets.", "global_deformation.")
    assert untransferred_start(bare, box) == ("global_deformation.",)
    assert untransferred_start(wide, learned) == ("global_deformation.",)


def test_a_box_has_no_contour_of_66_vertices() -> None:
    with pytest.raises(ValueError, match="multiple of 4 vertices, not 66"):
        build_network(num_classes=1, architecture=NANO, vertices=66, start=BASELINE)
