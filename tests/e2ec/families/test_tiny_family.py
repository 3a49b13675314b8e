"""Another kind of model goes through the very same commands: the engine knows families alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from front_doors import Ending, assert_one_line_error, call, write_picture
from stopped_run import assert_same_weights, stop_after
from tiny_family import TinyFamily

import configs
import e2ec
from dataset.synthetic.dataset import SyntheticDataset
from e2ec.families.bundled import BUNDLED_WEIGHTS

PRESETS = str(Path(__file__).parents[2] / "helpers" / "tiny_presets")


@pytest.fixture(autouse=True, scope="module")
def preset() -> Iterator[None]:
    """The preset as if it lay in configs/."""
    configs.__path__.append(PRESETS)
    yield
    configs.__path__.remove(PRESETS)


def train(out: Path, *options: object) -> Ending:
    return call("train.py", "shapes", "--out", out, *options)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    ending = train(out)
    assert ending.status == 0, ending
    return out / "shapes"


@pytest.fixture(scope="module")
def weights(run: Path) -> Path:
    return run / "weights.safetensors"


def test_it_trains_and_learns(run: Path) -> None:
    history = json.loads((run / "metrics.json").read_text())["history"]
    assert history[-1]["losses"]["cells"] < 0.8 * history[0]["losses"]["cells"]
    assert history[-1]["metrics"]["stage"] == "mask"
    assert 0 <= history[-1]["metrics"]["stages/mask"] <= 1


def test_pixels_are_normalised_its_own_way(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In training and in prediction: RGB from -2 to 2."""
    seen: list[torch.Tensor] = []

    def forward(self: TinyFamily, network: torch.nn.Module, images: torch.Tensor, _: object) -> Any:
        seen.append(images)
        return network(images)

    monkeypatch.setattr(TinyFamily, "forward", forward)
    options = ("--train.epochs", "1", "--data.synthetic-train", "4", "--train.ema-decay", "0")
    ending = train(tmp_path, *options)
    assert ending.status == 0, ending
    assert -2 <= seen[0].min() < 0 < seen[0].max() < 2
    model = e2ec.load_model(weights, device="cpu")
    shown = model._input(np.array([192, 0, 64], np.uint8).reshape(1, 1, 1, 3))
    assert torch.allclose(shown.view(3), torch.tensor([1.0, -2.0, -1.0]))


def test_its_settings_are_options(tmp_path: Path) -> None:
    ending = train(tmp_path, "--model.width", "5", "--train.epochs", "1")
    assert ending.status == 0, ending
    saved = json.loads((tmp_path / "shapes/config.json").read_text())
    assert saved["model"]["width"] == 5
    state = safetensors.torch.load_file(tmp_path / "shapes/weights.safetensors")
    assert len(state["0.weight"]) == 5
    assert "--model.width" in call("train.py", "shapes", "--help").out


def test_it_resumes_to_the_same_bits(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_after(20, patch)
        assert train(tmp_path).status == 130
    assert train(tmp_path, "--resume").status == 0
    assert_same_weights(run, tmp_path / "shapes")


def test_it_is_evaluated(weights: Path, tmp_path: Path) -> None:
    ending = call("test.py", "shapes", "--weights", weights, "--out", tmp_path)
    assert ending.status == 0, ending
    assert "mask *" in ending.out
    history = json.loads((weights.parent / "metrics.json").read_text())["history"]
    best = max(entry["metrics"]["segm/AP"] for entry in history if "metrics" in entry)
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert metrics["segm/AP"] == best > 0.02


def test_it_starts_from_its_weights(weights: Path, tmp_path: Path) -> None:
    options = ("--model.weights", weights, "--train.epochs", "1", "--optim.lr", "1e-12")
    ending = train(tmp_path, *options, "--train.ema-decay", "0")
    assert ending.status == 0, ending
    first = safetensors.torch.load_file(weights)
    second = safetensors.torch.load_file(tmp_path / "shapes/weights.safetensors")
    assert all(torch.allclose(first[key], second[key], atol=1e-6) for key in first)


def test_weights_of_another_family_are_no_start(weights: Path, tmp_path: Path) -> None:
    ending = call("train.py", "synthetic", "--model.weights", weights, "--out", tmp_path)
    assert_one_line_error(ending, weights, "'tiny'", "'contour'", "--model.weights")
    ending = train(tmp_path, "--model.weights", BUNDLED_WEIGHTS)
    assert_one_line_error(ending, BUNDLED_WEIGHTS, "'tiny'", "'contour'", "--model.weights")


def test_it_is_demonstrated_and_described(weights: Path, tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png")
    demo = ("demo.py", "--weights", weights, "--source", picture, "--out", tmp_path / "out")
    ending = call(*demo, "--score", "0", "--device", "cpu")
    assert ending.status == 0, ending
    document = json.loads((tmp_path / "out/contours.json").read_text())
    (image,) = document["images"]
    assert (image["height"], image["width"]) == (48, 80)
    assert list((tmp_path / "out").glob("*.png"))
    card = call("e2ec/__main__.py", "card", weights)
    assert card.status == 0 and "smallest" in card.out


def test_its_results_go_into_every_format(weights: Path) -> None:
    model = e2ec.load_model(weights, device="cpu")
    assert model.stages == ("mask",)
    image = SyntheticDataset(1, seed=5)[0].image
    result = model.predict(image, score_threshold=0.0)
    assert len(result) > 0 and result.to_masks().any()
    assert len(result.to_coco(1)) == len(result.to_coco(1, segmentation="rle")) == len(result)
    assert len(result.to_labelme()["shapes"]) >= len(result)
    assert len(result.to_geojson()["features"]) == len(result.to_shapely()) == len(result)
    again = e2ec.Contours.from_json(result.to_json())
    assert (again.to_masks() == result.to_masks()).all()


def test_check_goes_without_a_picture_of_its_labels(tmp_path: Path) -> None:
    ending = call("e2ec/__main__.py", "check", "shapes", "--out", tmp_path)
    assert ending.status == 0, ending
    assert not list(tmp_path.glob("labels-*.png"))


def test_without_its_preset_the_weights_say_what_is_missing(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [path for path in configs.__path__ if path != PRESETS]
    monkeypatch.setattr(configs, "__path__", kept)
    ending = call("demo.py", "--weights", weights)
    assert_one_line_error(ending, weights, "'tiny'", "--preset")
