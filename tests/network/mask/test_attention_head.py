"""SEANet's mask head: its attentions against slow versions, its switches, its size."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from network.mask.attention_head import AttentionMaskHead, ChannelAttention, PositionAttention
from network.mask.settings import AttentionHeadSettings

PAPER = AttentionHeadSettings()
SWITCHES = {
    "paper": PAPER,
    "concat": replace(PAPER, fusion="concat"),
    "no supervision": replace(PAPER, edge_supervision=False),
    "no channel attention": replace(PAPER, channel_attention=False),
    "no edge attention": replace(PAPER, edge_attention=False),
    "plain": replace(PAPER, channel_attention=False, edge_attention=False),
}
SMALL = replace(PAPER, reduction=4)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def small_head(settings: AttentionHeadSettings = SMALL) -> AttentionMaskHead:
    torch.manual_seed(0)
    head = AttentionMaskHead(16, 3, settings).double()
    if head.edge_attention is not None:
        attention = head.edge_attention[0]
        assert isinstance(attention, PositionAttention)
        nn.init.constant_(attention.gamma, 0.7)
    return head


def test_position_attention_is_the_slow_version() -> None:
    torch.manual_seed(0)
    module = PositionAttention(8, reduction=4).double()
    features = torch.randn(2, 8, 2, 3, dtype=torch.float64)
    assert torch.equal(module(features), features)  # gamma is 0 at first
    nn.init.constant_(module.gamma, 0.5)
    query, key, value = (
        layer(features).flatten(2).detach() for layer in (module.query, module.key, module.value)
    )
    found = module(features).flatten(2).detach()
    for n in range(2):
        for looking in range(6):
            likeness = [
                math.exp(float((query[n, :, looking] * key[n, :, seen]).sum())) for seen in range(6)
            ]
            gathered = sum(
                weight / sum(likeness) * value[n, :, seen] for seen, weight in enumerate(likeness)
            )
            expected = 0.5 * gathered + features.flatten(2)[n, :, looking]
            torch.testing.assert_close(found[n, :, looking], expected)


def test_channel_attention_weighs_channels() -> None:
    """Weights in (0, 1), one a channel and proposal, from the means of two 5x5 convolutions."""
    torch.manual_seed(0)
    module = ChannelAttention(8, reduction=4).double()
    features = torch.randn(3, 8, 6, 6, dtype=torch.float64)
    weights = module(features) / features
    assert ((weights > 0) & (weights < 1)).all()
    torch.testing.assert_close(weights, weights[:, :, :1, :1].expand_as(weights))
    context = module.context(features)
    for n in range(3):
        squeezed = module.squeeze(context[n].flatten(1).mean(1)).clamp(min=0)
        expected = 1 / (1 + (-module.excite(squeezed)).exp())
        torch.testing.assert_close(weights[n, :, 0, 0], expected)
    kernels = [layer.kernel_size for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    assert kernels == [(5, 5), (5, 5)]


@pytest.mark.parametrize("name", SWITCHES)
def test_shapes_and_gradients_of_every_variant(name: str) -> None:
    settings = replace(SWITCHES[name], reduction=4)
    head = small_head(settings)
    masks, edges = head(torch.randn(2, 16, 14, 14, dtype=torch.float64))
    assert masks.shape == (2, 4, 28, 28)
    assert (edges is not None) == (settings.edge_attention and settings.edge_supervision)
    total = masks.square().sum()
    if edges is not None:
        assert edges.shape == (2, 1, 28, 28)
        total = total + edges.square().sum()
    total.backward()
    assert all(p.grad is not None and p.grad.any() for p in head.parameters())


def test_edge_supervision_reaches_the_edge_module_alone() -> None:
    """Its loss moves the edge attention module and the edge predictor, and not the mask branch;
    masks read the edge features, and not the edge map."""
    head = small_head()
    features = torch.randn(1, 16, 14, 14, dtype=torch.float64)
    head(features)[1].square().sum().backward()
    moved = {name.split(".")[0] for name, p in head.named_parameters() if p.grad is not None}
    assert moved == {"edge_attention", "edge_predictor"}
    head.zero_grad()
    head(features)[0].square().sum().backward()
    moved = {name.split(".")[0] for name, p in head.named_parameters() if p.grad is not None}
    assert moved == {
        "mask_head",
        "channel_attention",
        "mask_upsampling",
        "edge_attention",
        "mask_predictor",
    }


def test_sum_adds_the_upsampled_features() -> None:
    """With the edge module's output silenced the sum is the head without it."""
    head = small_head()
    without = small_head(replace(SMALL, edge_attention=False))
    shared = without.state_dict().keys()
    without.load_state_dict({k: v for k, v in head.state_dict().items() if k in shared})
    features = torch.randn(1, 16, 14, 14, dtype=torch.float64)
    assert not torch.allclose(head(features)[0], without(features)[0])
    assert head.edge_attention is not None
    last = head.edge_attention[2][0]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    torch.testing.assert_close(head(features)[0], without(features)[0])


def test_the_plain_variant_is_torchvision_s_mask_branch() -> None:
    """Both attentions off: the same parameters, all named by `plain_keys`, the same logits."""
    vision = pytest.importorskip("torchvision", reason="the mask family needs torchvision")
    mask_rcnn = vision.models.detection.mask_rcnn
    head = AttentionMaskHead(16, 3, SWITCHES["plain"])
    theirs = nn.ModuleDict(
        {
            "mask_head": mask_rcnn.MaskRCNNHeads(16, (16,) * 4, 1),
            "mask_predictor": mask_rcnn.MaskRCNNPredictor(16, 16, 4),
        }
    )
    weights, keys = theirs.state_dict(), head.plain_keys()
    assert set(keys.values()) == set(weights)
    head.load_state_dict({ours: weights[name] for ours, name in keys.items()})
    features = torch.randn(2, 16, 14, 14)
    expected = theirs["mask_predictor"](theirs["mask_head"](features))
    torch.testing.assert_close(head(features)[0], expected)


@pytest.mark.parametrize("name", SWITCHES)
def test_plain_keys_name_what_fits(name: str) -> None:
    """In every variant the named parameters have the sizes of the plain one's."""
    plain = AttentionMaskHead(16, 3, SWITCHES["plain"])
    sizes = {plain.plain_keys()[key]: value.shape for key, value in plain.state_dict().items()}
    head = AttentionMaskHead(16, 3, replace(SWITCHES[name], reduction=4))
    ours = head.state_dict()
    assert {f"mask_head.{i}.0.weight" for i in range(4)} <= head.plain_keys().keys()
    for key, theirs in head.plain_keys().items():
        assert ours[key].shape == sizes[theirs]


def test_no_proposals_and_one_by_one() -> None:
    head = small_head()
    masks, edges = head(torch.zeros(0, 16, 14, 14, dtype=torch.float64))
    assert masks.shape == (0, 4, 28, 28) and edges.shape == (0, 1, 28, 28)
    (masks.sum() + edges.sum()).backward()
    assert all(p.grad is not None and not p.grad.any() for p in head.parameters())
    features = torch.randn(2, 16, 14, 14, dtype=torch.float64)
    together = head(features)
    alone = [head(features[i : i + 1]) for i in range(2)]
    for number in range(2):
        torch.testing.assert_close(together[number], torch.cat([one[number] for one in alone]))


def test_logits_are_float32_under_autocast() -> None:
    head = AttentionMaskHead(16, 3, SMALL)
    with torch.autocast("cpu", torch.bfloat16):
        masks, edges = head(torch.randn(1, 16, 14, 14))
    assert masks.dtype == edges.dtype == torch.float32


def test_size_against_table_6() -> None:
    """Beside Mask R-CNN's mask branch of 2,643,537: two 5x5 convolutions of 25 * 256^2 + 256 and a
    squeeze of 256 * 16 * 2 + 16 + 256; 256 * 256 * 4 more where both features meet; queries, keys
    and values of 256 * (32 + 32 + 256) + 320 and gamma; four 3x3 convolutions, upsampling, and a
    3x3 and a 1x1 convolution to the edge map. Table 6 has 6.85 M of it between two rows (64.89 and
    58.04) and 8.15 M between two others (71.32 and 63.17)."""
    with torch.device("meta"):
        sizes = {
            name: parameters(AttentionMaskHead(256, 80, settings))
            for name, settings in SWITCHES.items()
        }
    plain = 4 * 590_080 + 262_400 + 81 * 257
    channel = 2 * (25 * 256**2 + 256) + 256 * 16 * 2 + 16 + 256 + 256 * 256 * 4
    edge = 256 * 320 + 320 + 1 + 4 * 590_080 + 262_400
    supervision = 590_080 + 257
    assert plain == 2_643_537 and channel + edge + supervision == 6_843_218
    assert sizes == {
        "paper": plain + channel + edge + supervision,
        "concat": plain + channel + edge + supervision + 81 * 256,
        "no supervision": plain + channel + edge,
        "no channel attention": plain + edge + supervision,
        "no edge attention": plain + channel,
        "plain": plain,
    }
