"""The boundary-preserving mask head: eq. 1 written out, ablations, cost, torchvision's weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from network.mask.boundary_head import BoundaryMaskHead, plain_keys
from network.mask.settings import BoundaryHeadSettings

FUSIONS = list(itertools.product((False, True), repeat=2))
NEEDS_TORCHVISION = "the mask family needs torchvision: make mask"


def head(channels: int = 6, num_classes: int = 2, **settings: object) -> BoundaryMaskHead:
    torch.manual_seed(0)
    return BoundaryMaskHead(channels, num_classes, BoundaryHeadSettings(**settings))  # type: ignore[arg-type]


def features(count: int = 3, size: int = 28, channels: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(count, channels, 14, 14, generator=generator),
        torch.randn(count, channels, size, size, generator=generator),
    )


def written_out(made: BoundaryMaskHead, mask: Tensor, boundary: Tensor) -> tuple[Tensor, Tensor]:
    """Section 3.2 with all fusions, convolution by convolution."""
    state = made.state_dict()

    def conv(x: Tensor, name: str, **more: int) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], **more)

    def predict(x: Tensor, name: str) -> Tensor:
        weight, bias = (state[f"{name}.conv5_mask.{kind}"] for kind in ("weight", "bias"))
        return conv(F.conv_transpose2d(x, weight, bias, stride=2).relu(), f"{name}.mask_fcn_logits")

    for number in range(4):
        mask = conv(mask, f"mask_head.{number}.0", padding=1).relu()
    boundary = conv(boundary, "boundary_entry.0", padding=1, stride=2).relu()
    boundary = conv(mask, "mask_to_boundary") + boundary
    for number in range(2):
        boundary = conv(boundary, f"boundary_head.{number}.0", padding=1).relu()
    mask = conv(boundary, "boundary_to_mask") + mask
    mask = conv(mask, "fused_mask_head.0", padding=1).relu()
    return predict(mask, "mask_predictor"), predict(boundary, "boundary_predictor")


def test_the_head_is_section_3_2_written_out() -> None:
    made, inputs = head(), features()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.2)  # biases too: nothing is left out by being 0
    expected = written_out(made, *inputs)
    with torch.no_grad():
        found = made(*inputs)
    torch.testing.assert_close(found, expected)
    assert found[0].std() > 0.1 and found[1].std() > 0.1


@pytest.mark.parametrize("size", [14, 28])
@pytest.mark.parametrize("fusions", FUSIONS)
def test_shapes_and_what_each_fusion_connects(size: int, fusions: tuple[bool, bool]) -> None:
    """Tables 5 and 6: a path depends on the other one's features where its fusion is on."""
    to_boundary, to_mask = fusions
    made = head(size=size, mask_to_boundary=to_boundary, boundary_to_mask=to_mask)
    mask_features, boundary_features = (x.requires_grad_() for x in features(size=size))
    masks, boundaries = made(mask_features, boundary_features)
    assert masks.shape == boundaries.shape == (3, 3, 28, 28)
    for output, other, connected in (
        (boundaries, mask_features, to_boundary),
        (masks, boundary_features, to_mask),
    ):
        (gradient,) = torch.autograd.grad(output.sum(), other, retain_graph=True, allow_unused=True)
        assert (gradient is not None and bool(gradient.any())) == connected
    (masks.sum() + boundaries.sum()).backward()
    assert all(parameter.grad is not None for parameter in made.parameters())


def test_source_and_supervision_leave_the_architecture_as_it_is() -> None:
    """Tables 4 and 5: they are the loss's and the detector's."""
    expected = head()(*features())
    for changed in ({"supervision": "none"}, {"supervision": "mask"}, {"source": "pyramid"}):
        torch.testing.assert_close(head(**changed)(*features()), expected, rtol=0, atol=0)


def test_features_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"boundary features \(3, 6, 14, 14\)"):
        head()(*features(size=14))


def test_a_batch_equals_its_proposals_and_may_be_empty() -> None:
    made, (mask, boundary) = head(), features()
    whole = made(mask, boundary)
    for number in range(3):
        alone = made(mask[number : number + 1], boundary[number : number + 1])
        for found, expected in zip(alone, whole, strict=True):
            torch.testing.assert_close(found[0], expected[number], rtol=1e-4, atol=1e-5)
    empty = made(mask[:0], boundary[:0])
    assert [output.shape for output in empty] == [(0, 3, 28, 28)] * 2
    sum(output.sum() for output in empty).backward()
    assert all(not parameter.grad.any() for parameter in made.parameters())


def multiplications(build: Callable[[], nn.Module], *inputs: Tensor) -> int:
    """Of one proposal; PyTorch counts a multiplication with its addition as two."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        build()(*(x.to("meta") for x in inputs))
    return counter.get_total_flops() // 2


def without_predictors(**settings: object) -> nn.Module:
    made = head(256, 80, **settings)
    made.mask_predictor = made.boundary_predictor = nn.Sequential()
    return made


def plain(convolutions: int) -> nn.Module:
    return nn.Sequential(*(nn.Conv2d(256, 256, 3, padding=1) for _ in range(convolutions)))


def test_multiplications_are_those_of_table_8() -> None:
    """Heads without the final predictors. A 3x3 takes 14^2 * 256^2 * 9, a 1x1 14^2 * 256^2."""
    three, one = 115_605_504, 12_845_056
    mask, fine = features(1, 28, 256)
    _, coarse = features(1, 14, 256)
    assert multiplications(lambda: plain(4), mask) == 4 * three  # 0.46 G
    assert multiplications(lambda: plain(8), mask) == 8 * three  # 0.93 G, 0.9248
    found = multiplications(without_predictors, mask, fine)
    assert found == 8 * three + 2 * one == 950_534_144
    assert f"{found / 1e9:.2f}" == "0.95"
    assert multiplications(lambda: without_predictors(size=14), mask, coarse) == found
    for (to_boundary, to_mask), expected in zip(
        FUSIONS, (7 * three, 8 * three + one, 7 * three + one, found), strict=True
    ):
        settings = {"mask_to_boundary": to_boundary, "boundary_to_mask": to_mask}
        made = multiplications(lambda: without_predictors(**settings), mask, fine)  # noqa: B023
        assert made == expected


def test_number_of_parameters() -> None:
    """3x3: 256^2 * 9 + 256; 1x1: 256^2 + 256; a predictor: 256^2 * 4 + 256 and 81 * 257."""
    three, one, predictor = 590_080, 65_792, 262_400 + 20_817
    with torch.device("meta"):
        made = head(256, 80)
    count = sum(parameter.numel() for parameter in made.parameters())
    assert count == 8 * three + 2 * one + 2 * predictor == 5_418_658
    assert sum(made.state_dict()[key].numel() for key in plain_keys()) == 4 * three + predictor


def test_the_plain_keys_are_the_mask_path_s() -> None:
    made = head(boundary_to_mask=False)
    others = ("boundary_", "mask_to_boundary")
    assert list(plain_keys()) == [k for k in made.state_dict() if not k.startswith(others)]


def torchvision_s(channels: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    """Its mask head and its predictor; its Mask R-CNN has both under the names of `plain_keys`."""
    detection = pytest.importorskip("torchvision", reason=NEEDS_TORCHVISION).models.detection
    with torch.device("meta"):
        whole = detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    keys = [key for key in whole.state_dict() if key.startswith("roi_heads.mask_")]
    assert keys == list(plain_keys().values())
    torch.manual_seed(3)
    return (
        detection.mask_rcnn.MaskRCNNHeads(channels, [channels] * 4, 1),
        detection.mask_rcnn.MaskRCNNPredictor(channels, channels, outputs),
    )


def torchvision_state(mask_head: nn.Module, predictor: nn.Module) -> dict[str, Tensor]:
    """As in the state dict of the whole detector."""
    parts = nn.ModuleDict({"mask_head": mask_head, "mask_predictor": predictor})
    return nn.ModuleDict({"roi_heads": parts}).state_dict()


@pytest.mark.parametrize("to_boundary", [False, True])
def test_with_torchvision_s_weights_the_mask_path_is_torchvision_s(to_boundary: bool) -> None:
    """The same numbers; boundaries may still learn from masks."""
    peer = torchvision_s(256, 5)
    made = head(256, 4, mask_to_boundary=to_boundary, boundary_to_mask=False)
    state = torchvision_state(*peer)
    ours = {key: state[theirs] for key, theirs in plain_keys().items()}
    assert not made.load_state_dict(ours, strict=False).unexpected_keys
    mask, boundary = features(2, 28, 256)
    with torch.no_grad():
        found, _ = made(mask, boundary)
        expected = peer[1](peer[0](mask))
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_weights_start_as_torchvision_s() -> None:
    """As widely spread, and zero where they are zero."""
    state, made = torchvision_state(*torchvision_s(64, 65)), head(64, 64).state_dict()
    for ours, theirs in plain_keys().items():
        first, second = made[ours], state[theirs]
        assert first.shape == second.shape
        assert first.std().item() == pytest.approx(second.std().item(), rel=0.3), ours
        assert first.any() == second.any()
