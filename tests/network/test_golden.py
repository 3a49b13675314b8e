"""The network reproduces the published one: golden inputs and outputs, weights by formula."""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from network.published import load_published

DATA = Path(__file__).parents[1] / "data"
STAGES = ("poly_init", "poly_coarse", "py0", "py1", "py2")
FILES = ("golden_8cls_96x160.npz", "golden_8cls_64x96_few.npz")


@functools.cache
def formula_weights() -> ModuleType:
    spec = importlib.util.spec_from_file_location("formula_weights", DATA / "formula_weights.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def read_golden(file: str) -> dict[str, np.ndarray]:
    return dict(np.load(DATA / file))


@functools.cache
def published_state(file: str) -> dict[str, torch.Tensor]:
    """A published state dict filled by formula, as the golden files describe; not to be changed."""
    golden = read_golden(file)
    shapes = json.loads((DATA / "published_e2ec_state_dict.json").read_text())
    formula_weight, seed = formula_weights().formula_weight, int(golden["seed"])
    state = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
        else:
            state[name] = torch.from_numpy(formula_weight(name, tuple(shape), seed))
    state["dla.ct_hm.2.bias"].fill_(-2.19)
    state["dla.ct_hm.2.weight"] *= float(golden["hm_gain"])
    state["dla.wh.2.weight"] *= float(golden["wh_gain"])
    return state


def relative_error(found: torch.Tensor, expected: np.ndarray) -> float:
    """Largest difference, relative to the largest expected value."""
    return float((found - torch.from_numpy(expected)).abs().max() / np.abs(expected).max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("file", FILES)
def test_reproduces_the_published_network(file: str, dtype: torch.dtype) -> None:
    golden = read_golden(file)
    network = load_published(published_state(file)).to(dtype)
    images = torch.from_numpy(golden["input"]).to(dtype)
    with torch.inference_mode():
        features = network.neck(network.backbone(images))
        assert relative_error(features[:, ::8], golden["feature_sample"]) < 1e-4
        assert relative_error(network.heatmap(features), golden["ct_hm"]) < 1e-4
        assert relative_error(network.offsets(features)[:, ::16], golden["wh_sample"]) < 1e-4
        output = network(images, score_threshold=float(golden["min_score"]))

    expected = golden["detection"]
    assert np.array_equal(output.centers.numpy(), expected[:, :2])
    assert np.array_equal(output.classes.numpy(), expected[:, 3])
    assert np.allclose(output.scores.numpy(), expected[:, 2], atol=1e-5)
    for name, contours in zip(STAGES, output.contours, strict=True):
        # The golden values are float32 themselves: 160 pixels leave about 1e-5, and errors of
        # 1e-6 in the features grow to a few 1e-4 pixels, in float64 as in float32.
        assert np.abs(contours.numpy() - golden[name]).max() < 1e-3, name


def test_parameters_stand_in_the_published_order() -> None:
    """Optimiser states of published files are indexed by the order of the parameters."""
    published = published_state(FILES[1])
    network = load_published(published)
    ours = [tuple(value.shape) for value in network.state_dict().values()]
    assert ours == [tuple(value.shape) for value in published.values()]
    assert all(
        torch.equal(mine, theirs.to(mine.dtype))
        for mine, theirs in zip(network.state_dict().values(), published.values(), strict=True)
    )
