"""Weights of torchvision, by path and by name, and our own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import torch
import torchvision
from mask_case import CLASSES, TINY
from torchvision.models import resnet18
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.ops import FrozenBatchNorm2d

from lib.errors import InputError
from network.mask import weights
from network.mask.build import build_mask_network

NAME = "MaskRCNN_ResNet50_FPN_Weights.COCO_V1"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Every tensor repeats a number of its own: small in files."""
    torch.manual_seed(0)
    with torch.device("meta"):
        names = build_mask_network(TINY, CLASSES).state_dict()
    return {key: torch.rand(1).expand(value.shape) for key, value in names.items()}


@pytest.fixture
def detector(state: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    path = tmp_path / "detector.pth"
    torch.save(state, path)
    return path


def refusal(call, *arguments) -> str:
    with pytest.raises(InputError) as error:
        call(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_detector_by_path(detector: Path, state: dict[str, torch.Tensor]) -> None:
    network = weights.network_from_torchvision(detector)
    assert network.num_classes == CLASSES and not network.training
    own = network.state_dict()
    assert all(torch.equal(own[key], value) for key, value in state.items())
    assert isinstance(network.backbone.body.bn1, FrozenBatchNorm2d)


def test_a_detector_of_torchvisions_training_script(detector: Path, state: dict) -> None:
    """It saves more than weights; plain normalisation counts batches."""
    state = state | {"backbone.body.bn1.num_batches_tracked": torch.tensor(3)}
    torch.save({"model": state, "epoch": 3}, detector)
    assert weights.network_from_torchvision(detector).num_classes == CLASSES


def test_epsilon_is_made_up_for(state: dict[str, torch.Tensor]) -> None:
    torch.manual_seed(0)
    norm = FrozenBatchNorm2d(4)
    for name, value in norm.named_buffers():
        value.uniform_(0.5, 2)
        if name == "running_var":
            value[0], value[1] = 1e-7, 1e-5
    without = FrozenBatchNorm2d(4, eps=0.0)
    without.load_state_dict(norm.state_dict())
    x = torch.randn(2, 4, 3, 3)
    expected = without(x)
    body = {f"bn.{key}": value for key, value in norm.state_dict().items()}
    norm.weight.copy_(weights.with_epsilon(body)["bn.weight"])
    torch.testing.assert_close(norm(x), expected, rtol=1e-5, atol=1e-5)


def test_only_torchvisions_own_file_has_no_epsilon(
    detector: Path, state: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known by its hash, whatever it is called."""
    variance = state["backbone.body.bn1.running_var"][0].item()
    plain = weights.network_from_torchvision(detector).backbone.body.bn1.weight
    digest = hashlib.sha256(detector.read_bytes()).hexdigest()
    monkeypatch.setattr(weights, "_hash_of", lambda url: digest[:8])
    changed = weights.network_from_torchvision(detector).backbone.body.bn1.weight
    factor = ((variance + 1e-5) / variance) ** 0.5
    torch.testing.assert_close(changed, plain * factor)
    assert factor > 1


def test_a_name_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(url: str, path: str, hash_prefix: str, progress: bool) -> None:
        asked.append((url.rpartition("/")[2], hash_prefix, progress))
        Path(path).write_bytes(b"weights")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    paths = [weights.torchvision_file(NAME) for _ in range(2)]
    assert paths[0] == paths[1] and paths[0].read_bytes() == b"weights"
    assert asked == [("maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", "bf2d0c1e", False)]


@pytest.mark.parametrize("kind", [URLError, OSError, RuntimeError])
def test_without_a_network_it_says_what_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def download(*_: object, **__: object) -> None:
        raise kind("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    line = refusal(weights.torchvision_file, NAME)
    assert line.startswith(f"{NAME}: cannot be downloaded (no route)")
    assert "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth" in line and "path" in line


def test_names_that_torchvision_does_not_have() -> None:
    assert weights.is_torchvision_name(NAME) and not weights.is_torchvision_name("a/b_Weights.pth")
    for name in ("MaskRCNN_ResNet50_FPN_Weights.COCO_V9", "Nothing_Weights.COCO_V1"):
        assert NAME in refusal(weights.torchvision_file, name)


def test_an_imagenet_backbone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    classifier = resnet18(weights=None)
    path = tmp_path / "resnet18.pth"
    torch.save(classifier.state_dict(), path)
    backbone = weights.backbone_from_imagenet(path, "resnet18")
    assert isinstance(backbone.body, IntermediateLayerGetter)
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        classifier.eval()
        classifier.fc = torch.nn.Identity()
        expected = classifier(x)
        torch.testing.assert_close(backbone.body(x)["3"].mean(dim=(2, 3)), expected)
    line = refusal(weights.backbone_from_imagenet, path, "resnet50")
    assert line.startswith(f"{path}: weights of resnet18; the backbone is resnet50")


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "resnet101", "resnext101_32x8d", "resnext101_64x4d"]
)
def test_backbones_are_told_by_their_weights(name: str) -> None:
    with torch.device("meta"):
        state = getattr(torchvision.models, name)(weights=None).state_dict()
    assert weights.backbone_of(state) == name
    if name == "resnet18":
        with torch.device("meta"):
            assert weights.backbone_of(torchvision.models.resnet34().state_dict()) is None
            assert weights.backbone_of(torchvision.models.resnet152().state_dict()) is None


def test_wrong_files(detector: Path, state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "wrong.pth"
    cases = {
        "not weights of torchvision's Mask R-CNN": {"a": torch.zeros(1)},
        "holds no weights": [1, 2],
        "second version": state | {"roi_heads.box_head.0.0.weight": torch.zeros(1)},
        "1 unknown, first roi_heads.more": state | {"roi_heads.more": torch.zeros(1)},
        "1 missing, first rpn.head.cls_logits.bias": {
            key: value for key, value in state.items() if key != "rpn.head.cls_logits.bias"
        },
        "holds NaN": state | {"rpn.head.cls_logits.bias": torch.full((3,), torch.nan)},
    }
    for what, content in cases.items():
        torch.save(content, path)
        line = refusal(weights.network_from_torchvision, path)
        assert line.startswith(f"{path}: ") and what in line, line
    fewer = {"roi_heads.box_predictor.bbox_pred.bias": torch.zeros(3)}
    torch.save(state | fewer, path)
    labels = tuple(range(1, CLASSES + 1))
    assert "bbox_pred" in refusal(weights.network_from_torchvision, path, labels)
    path.write_bytes(b"nothing of the kind")
    assert refusal(weights.network_from_torchvision, path).startswith(f"{path}: ")
    missing = refusal(weights.network_from_torchvision, tmp_path / "none.pth")
    assert "cannot be read" in missing
    assert "not weights of an ImageNet ResNet" in refusal(
        weights.backbone_from_imagenet, detector, "resnet18"
    )


@pytest.mark.parametrize("normalization", ["frozen", "batch"])
def test_our_own_weights_come_back(normalization: str) -> None:
    torch.manual_seed(2)
    settings = replace(TINY, normalization=normalization)
    network = build_mask_network(settings, CLASSES, movement="classify")
    again = weights.mask_network_from_state(network.state_dict(), settings, CLASSES, name="w")
    assert again.stage_names == ("mask", "sharp") and not again.training
    assert list(again.state_dict()) == list(network.state_dict())
    with pytest.raises(InputError, match="w: weights do not fit"):
        weights.mask_network_from_state(network.state_dict(), settings, CLASSES + 1, name="w")
