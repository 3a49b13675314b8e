"""Weights of a DLA-34 that was trained elsewhere: every tensor arrives, or a line says which does
not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lib.errors import InputError
from network.backbones.dla import DLA
from network.backbones.dla_weights import load_dla_weights
from network.contour.architecture import DLA34

THIN = (4, 6, 8, 12, 16, 20)
NEVER_READ = ("level3.project.", "level4.project.")


def trained(channels: tuple[int, ...] = THIN, seed: int = 1) -> DLA:
    """A backbone whose statistics are not those of a new one."""
    torch.manual_seed(seed)
    backbone = DLA(channels).train()
    with torch.no_grad():
        for _ in range(3):
            backbone(2 * torch.randn(2, 3, 64, 64) + 1)
    return backbone


def original(backbone: DLA) -> dict[str, Tensor]:
    """As the original files have it: with the classifier, without counters."""
    state = {k: v for k, v in backbone.state_dict().items() if not k.endswith("_tracked")}
    last = backbone.channels[-1]
    return {**state, "fc.weight": torch.randn(9, last, 1, 1), "fc.bias": torch.randn(9)}


def test_every_tensor_of_an_original_file_arrives_statistics_too() -> None:
    source, backbone = trained(), DLA(THIN)
    state = original(source)
    load_dla_weights(backbone, state, name="file")
    found = backbone.state_dict()
    assert {k for k in found if not k.endswith("_tracked")} == set(state) - {"fc.weight", "fc.bias"}
    for key in set(found) & set(state):
        assert torch.equal(found[key], state[key]), key
    means = [value for key, value in found.items() if key.endswith("running_mean")]
    assert len(means) > 10 and any(mean.abs().max() > 0.1 for mean in means)
    images = torch.randn(1, 3, 64, 96)
    for ours, theirs in zip(backbone.eval()(images), source.eval()(images), strict=True):
        assert torch.equal(ours, theirs)


def test_projections_that_nothing_uses_may_be_missing_and_stay() -> None:
    state, backbone = original(trained()), DLA(THIN)
    before = backbone.state_dict()["level3.project.0.weight"].clone()
    thinned = {key: value for key, value in state.items() if not key.startswith(NEVER_READ)}
    load_dla_weights(backbone, thinned, name="file")
    assert torch.equal(backbone.level3.project[0].weight, before)
    assert torch.equal(backbone.level2.project[0].weight, state["level2.project.0.weight"])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"level5.root.conv.weight": None}, "1 missing, first level5.root.conv.weight"),
        ({"level1.1.running_var": None}, "1 missing, first level1.1.running_var"),
        ({"level6.weight": torch.ones(1)}, "1 unknown, first level6.weight"),
        ({"level0.0.weight": torch.ones(4, 4, 1, 1)}, "1 of wrong shape, first level0.0.weight"),
        ({"level0.1.bias": torch.full((4,), torch.nan)}, "level0.1.bias holds NaN"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Tensor | None], problem: str) -> None:
    state = {**original(trained()), **change}
    state = {key: value for key, value in state.items() if value is not None}
    with pytest.raises(InputError, match=f"^some.pth: .*{problem}") as error:
        load_dla_weights(DLA(THIN), state, name="some.pth")
    assert "\n" not in str(error.value)


@torch.no_grad()
def test_timm_computes_the_same_maps() -> None:
    """timm's DLA-34 with random weights and statistics; its six levels against our four."""
    timm = pytest.importorskip("timm", reason="timm (which needs torchvision) is not installed")
    torch.manual_seed(0)
    theirs: nn.Module = timm.create_model("dla34", pretrained=False).train()
    theirs(torch.randn(2, 3, 64, 64))  # statistics of its own
    images = torch.randn(2, 3, 96, 128)
    backbone = DLA(DLA34.backbone_channels)
    load_dla_weights(backbone, theirs.state_dict(), name="timm")
    theirs, backbone = theirs.eval().double(), backbone.eval().double()
    x = theirs.level1(theirs.level0(theirs.base_layer(images.double())))
    for ours, level in zip(backbone(images.double()), (2, 3, 4, 5), strict=True):
        x = getattr(theirs, f"level{level}")(x)
        assert ours.shape == x.shape and x.abs().max() > 0.1
        assert (ours - x).abs().max() < 1e-5
