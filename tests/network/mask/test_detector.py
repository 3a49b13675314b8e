"""The network against torchvision's own Mask R-CNN, with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import torch
from mask_case import (
    NOTHING,
    TARGETS,
    TINY,
    scene,
    tiny_network,
    torchvisions,
)
from torch import Tensor
from torchvision.models.detection import maskrcnn_resnet50_fpn

from e2ec.losses.mask_total import MaskTotalLoss, fc_box_losses, mask_losses
from network.contour.contour_network import BoundaryPoints
from network.mask.boundary_head import plain_keys
from network.mask.build import build_mask_network
from network.mask.detector import MaskNetwork
from network.mask.outputs import Detections, TrainingOutput
from network.mask.settings import BoundaryHeadSettings, MaskNetworkSettings

SEEDS = torch.tensor([5, 6])
LOSS = MaskTotalLoss({}, boxes=fc_box_losses, masks=(mask_losses,))


class Labels:
    """What the losses ask of a batch."""

    boundary = None

    def __init__(self, images: Tensor) -> None:
        self.images = images


def losses_of(output: TrainingOutput, images: Tensor) -> dict[str, Tensor]:
    labels = Labels(images)
    return LOSS(output, labels, LOSS.counts(labels), epoch=0)


@pytest.fixture(scope="module")
def learned() -> MaskNetwork:
    return tiny_network()


@pytest.fixture
def network(learned: MaskNetwork) -> Iterator[MaskNetwork]:
    yield learned.train()
    learned.zero_grad()


def test_names_are_torchvisions(network: MaskNetwork) -> None:
    assert list(network.state_dict()) == list(torchvisions(network, (64, 96)).state_dict())


def test_torchvisions_detector_loads_as_it_is() -> None:
    with torch.device("meta"):  # names and shapes alone
        theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        ours = build_mask_network(MaskNetworkSettings(), 90)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    mine, other = dict(ours.named_parameters()), dict(theirs.named_parameters())
    normalization = {name for name in other if ".bn" in name or ".downsample.1" in name}
    assert {*other} - {*mine} == normalization


@pytest.mark.parametrize("padded", [False, True])
def test_detections_are_torchvisions(network: MaskNetwork, padded: bool) -> None:
    network.eval()
    images, sizes = scene(padded=padded)
    other = torchvisions(network, (64, 96))
    other.roi_heads.score_thresh = 0.2
    alone = [image[:, :h, :w] for image, (h, w) in zip(images, sizes.tolist(), strict=True)]
    with torch.no_grad():
        theirs = other(alone)
        ours = network(images, sizes, score_threshold=0.2)
    assert isinstance(ours, Detections)
    for i, their in enumerate(theirs):
        mine = ours.image_index == i
        assert 2 < mine.sum() < TINY.proposals * 3
        assert (ours.classes[mine] + 1).tolist() == their["labels"].tolist()
        torch.testing.assert_close(ours.boxes[mine], their["boxes"], atol=1e-5, rtol=0)
        torch.testing.assert_close(ours.scores[mine], their["scores"], atol=1e-5, rtol=0)
        torch.testing.assert_close(ours.masks[mine], their["masks"][:, 0], atol=1e-5, rtol=0)
        assert (ours.boxes[mine] <= sizes[i].flip(0).repeat(2)).all()


def test_a_cut_off_boundary_branch_leaves_torchvisions_network() -> None:
    """BMask R-CNN without boundary -> mask, with the weights of a Mask R-CNN."""
    settings = replace(
        TINY, mask_head="boundary", boundary=BoundaryHeadSettings(boundary_to_mask=False)
    )
    plain, ours = tiny_network().eval(), tiny_network(settings).eval()
    renamed = {theirs: f"roi_heads.mask_head.{key}" for key, theirs in plain_keys().items()}
    state = {renamed.get(key, key): value for key, value in plain.state_dict().items()}
    unknown = ours.load_state_dict(state, strict=False)
    assert not unknown.unexpected_keys
    images, sizes = scene()
    other = torchvisions(plain, (64, 96))
    other.roi_heads.score_thresh = 0.2
    with torch.no_grad():
        theirs = other(list(images))
        found = ours(images, sizes, score_threshold=0.2)
    for name, values in (("boxes", found.boxes), ("scores", found.scores), ("masks", found.masks)):
        expected = torch.cat([one[name] for one in theirs]).reshape(values.shape)
        assert len(expected) > 4
        torch.testing.assert_close(values, expected, atol=1e-5, rtol=0)


def test_frozen_stages_keep_their_statistics() -> None:
    settings = replace(TINY, trainable_layers=2, normalization="batch")
    network = tiny_network(settings).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images, sizes = scene()
    network(images, sizes, TARGETS, torch.tensor([1, 2]))
    after = network.state_dict()
    moved = {key for key, value in after.items() if not torch.equal(value, before[key])}
    stages = {key.split(".")[2] for key in moved}
    assert stages == {"layer3", "layer4"}


def test_padding_is_nothing_whatever_it_holds(network: MaskNetwork) -> None:
    images, sizes = scene(padded=True)
    noisy = images.clone()
    height, width = sizes[1].tolist()
    noisy[1, :, height:] = 7
    noisy[1, :, :, width:] = -7
    network.eval()
    found, same = (network(one, sizes, score_threshold=0.0) for one in (images, noisy))
    assert len(found.scores) and torch.equal(found.scores, same.scores)
    assert torch.equal(found.masks, same.masks)
    assert noisy[1, 0, -1, -1] == -7  # whose they are keeps them


def test_small_images_in_large_inputs_keep_their_scale(network: MaskNetwork) -> None:
    """Where torchvision takes the pyramid's scale from the size of the images, it is the input's
    here: an image of 20x20 in 64x64 would be looked up at half the stride."""
    network.eval()
    with torch.no_grad():
        network(*scene(1, (64, 64))[:1], torch.tensor([[20, 20]]))
    assert network.roi_heads.mask_roi_pool.scales == [1 / 4, 1 / 8, 1 / 16, 1 / 32]


def test_limits_of_detections(network: MaskNetwork) -> None:
    network.eval()
    images, sizes = scene()
    with torch.no_grad():
        few = network(images, sizes, score_threshold=0.0, max_detections=2)
        most = network(images, sizes, score_threshold=0.0, max_detections=12)
        apart = network(images, sizes, score_threshold=0.0, max_detections=12, nms_iou=0.05)
        none = network(images, sizes, score_threshold=1.0)
    assert few.image_index.tolist() == [0, 0, 1, 1]
    assert (most.image_index.diff() >= 0).all()
    for i in range(2):
        assert (most.scores[most.image_index == i].diff() <= 0).all()
    assert len(apart.boxes) < len(most.boxes)
    assert none.boxes.shape == (0, 4) and none.masks.shape == (0, 28, 28)
    assert none.scores.shape == none.classes.shape == none.image_index.shape == (0,)


def test_losses_of_an_image_are_torchvisions_with_the_same_seed(network: MaskNetwork) -> None:
    images, sizes = scene(1)
    ours = losses_of(network(images, sizes, TARGETS[:1], SEEDS[:1]), images)
    other = torchvisions(network, (64, 96))
    torch.manual_seed(int(SEEDS[0]))
    agree(ours, other(list(images), TARGETS[:1]))


def test_losses_and_gradients_of_a_batch_are_torchvisions(network: MaskNetwork) -> None:
    """torchvision draws with our sampler here, so that both see the same proposals."""
    images, sizes = scene(padded=True)
    alone = [image[:, :h, :w] for image, (h, w) in zip(images, sizes.tolist(), strict=True)]
    ours = losses_of(network(images, sizes, TARGETS, SEEDS), images)
    other = torchvisions(network, (64, 96))
    for theirs, mine in ((other.rpn, network.rpn), (other.roi_heads, network.roi_heads)):
        theirs.fg_bg_sampler = mine.fg_bg_sampler
    mine.fg_bg_sampler.generators = network.rpn.fg_bg_sampler.generators = [
        torch.Generator().manual_seed(seed) for seed in SEEDS.tolist()
    ]
    theirs = other(alone, TARGETS)
    agree(ours, theirs)
    ours["total"].backward()
    sum(theirs.values()).backward()
    for (name, one), two in zip(network.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, atol=1e-5, rtol=1e-4, msg=name)


def agree(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    pairs = {
        "objectness": "loss_objectness",
        "rpn_box": "loss_rpn_box_reg",
        "class": "loss_classifier",
        "box": "loss_box_reg",
        "mask": "loss_mask",
    }
    assert {*ours} == {*pairs, "total"} and {*theirs} == {*pairs.values()}
    for name, other in pairs.items():
        assert theirs[other] > 0
        torch.testing.assert_close(ours[name], theirs[other], atol=1e-5, rtol=0)
    torch.testing.assert_close(ours["total"], sum(theirs.values()), atol=1e-5, rtol=0)


def test_seeds_alone_decide_the_samples(network: MaskNetwork) -> None:
    images, sizes = scene()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = network(images, sizes, TARGETS, SEEDS)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    again = network(images, sizes, TARGETS, SEEDS)
    other = network(images, sizes, TARGETS, SEEDS + 7)
    assert torch.equal(torch.cat(first.boxes.proposals), torch.cat(again.boxes.proposals))
    one, two = losses_of(first, images), losses_of(again, images)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(torch.cat(first.boxes.proposals), torch.cat(other.boxes.proposals))


def test_an_image_is_sampled_the_same_in_any_batch(network: MaskNetwork) -> None:
    images, sizes = scene()
    together = network(images, sizes, TARGETS, SEEDS)
    alone = network(images[1:], sizes[1:], TARGETS[1:], SEEDS[1:])
    torch.testing.assert_close(
        together.boxes.proposals[1], alone.boxes.proposals[0], atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("targets", [[TARGETS[0], NOTHING], [NOTHING, NOTHING]])
def test_images_without_objects_train(network: MaskNetwork, targets: list[dict]) -> None:
    images, sizes = scene()
    losses = losses_of(network(images, sizes, targets, SEEDS), images)
    losses["total"].backward()
    assert all(loss.isfinite() for loss in losses.values())
    assert (losses["mask"] > 0) == (losses["box"] > 0) == (targets[0] is not NOTHING)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_double_precision_stays_double() -> None:
    network = tiny_network().double()
    images, sizes = scene(1)
    losses = losses_of(network(images.double(), sizes, TARGETS[:1], SEEDS[:1]), images)
    assert {loss.dtype for loss in losses.values()} == {torch.float64}


def test_coordinates_stay_in_full_precision_under_autocast(network: MaskNetwork) -> None:
    images, sizes = scene(1)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(images, sizes, TARGETS[:1], SEEDS[:1])
        found = network.eval()(images, sizes)
    assert output.boxes.proposals[0].dtype == torch.float32
    assert all(part.dtype == torch.float32 for part in output.boxes.prediction)
    assert output.masks.prediction.masks.dtype == torch.float32
    assert found.boxes.dtype == found.scores.dtype == found.masks.dtype == torch.float32


def test_what_does_not_fit_is_refused(network: MaskNetwork) -> None:
    images, sizes = scene(1)
    with pytest.raises(ValueError, match="multiples of 32"):
        network.eval()(images[:, :, :50], sizes)
    with pytest.raises(ValueError, match="training mode"):
        network.train()(images, sizes)


def test_sharp_contour_learns_beside_the_detector_or_alone() -> None:
    network = tiny_network(movement="classify")
    assert network.stage_names == ("mask", "sharp")
    images, sizes = scene()
    boxes = torch.cat([one["boxes"] for one in TARGETS])
    points = boxes[:, None, :2] + torch.rand(3, 5, 2) * 10
    near = BoundaryPoints(boxes, points)
    joint = network(images, sizes, TARGETS, SEEDS, boundary=near)
    assert joint.masks is not None
    network.freeze_all_but_sharp()
    alone = network.train()(images, sizes, TARGETS, SEEDS, boundary=near)
    assert alone.boxes is None and alone.masks is None and not alone.rpn
    # Points of an instance are looked up in its own image's map.
    torch.testing.assert_close(alone.at_points, joint.at_points)
    alone.at_points.sum().backward()
    learns = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None}
    assert learns == {"sharp"} and not network.backbone.training
    with torch.no_grad():
        found = network.eval()(images, sizes)
        assert torch.equal(found.features, network.shared_map(images, sizes))
    assert found.sharp is network.sharp and found.features.shape == (2, 256, 16, 24)
