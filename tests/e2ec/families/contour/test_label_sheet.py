"""Pictures of labels: what is drawn, and where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from damaged_data import clean_folder, damaged_folder
from training_path import training_path

from dataset.contour.ignored import IgnoredCells
from dataset.contour.targets import TargetSettings, TrainingExample
from dataset.formats.coco.read import read_coco
from dataset.index.dataset import IndexedDataset
from dataset.loading.loader import TrainingDataset
from dataset.loading.sample import InstanceDataset
from dataset.synthetic.dataset import SyntheticDataset
from dataset.transforms.augmentation import AugmentationSettings
from e2ec.families.contour.draw_example import draw_example, label_sheet
from e2ec.results.draw.visualize import palette

CROP = AugmentationSettings(crop_size=(64, 96))
TARGETS = TargetSettings(vertices=16)


def sheet_of(
    dataset: InstanceDataset, *, seed: int = 0, title: str = "train", **options: int
) -> np.ndarray | None:
    examples = training_path(dataset, CROP, TARGETS, seed=seed)
    return label_sheet(examples, CROP, TARGETS, title=title, **options)


def example(*contours: np.ndarray, whole: tuple[float, float] | None = None) -> TrainingExample:
    """A grey image of 64 x 64 pixels with contours (4, 2); their first vertices are key ones."""
    points = np.array(contours, np.float32).reshape(len(contours), 4, 2)
    middle = (points.min(axis=1) + points.max(axis=1)) / 2
    keys = np.zeros(points.shape[:2], bool)
    keys[:, 0] = True
    wholes = np.array([whole] * len(points)) if whole else middle / 4
    return TrainingExample(
        image=torch.full((3, 64, 64), 100, dtype=torch.uint8),
        heatmap_size=(1, 16, 16),
        centers=torch.from_numpy(np.floor(middle / 4).astype(np.int64)),
        classes=torch.zeros(len(points), dtype=torch.int64),
        contours=torch.from_numpy(points),
        keys=torch.from_numpy(keys),
        object_centers=torch.from_numpy(np.asarray(wholes, np.float32).reshape(-1, 2)),
        image_id=1,
        name="a.png",
        gaussians=torch.zeros(0, 4, dtype=torch.int64),
    )


DIAMOND = np.array([[32.5, 52.5], [52.5, 32.5], [32.5, 12.5], [12.5, 32.5]])


def test_contour_vertices_and_centre_are_where_they_belong() -> None:
    picture = draw_example(example(DIAMOND), ["thing"], stride=4, side=64)
    assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
    (color,) = palette(1)
    for x, y in DIAMOND[1:]:
        assert picture[int(y), int(x)].tolist() == list(color)  # a dot
    assert picture[52, 32].tolist() == [255, 255, 255]  # the triangle of vertex 0
    # The centre (32.5, 32.5) is in cell (8, 8), pixels 32 to 36.
    assert (picture[32:36, 32:36] == color).all()
    assert (picture[31, 31:37] == 255).all() and (picture[30, 30:38] == 0).all()
    assert picture[20, 5].tolist() == [100, 100, 100]  # elsewhere the image is as it was


def test_small_crops_are_enlarged_with_everything_on_them() -> None:
    picture = draw_example(example(DIAMOND), ["thing"], stride=4, side=256)
    assert picture.shape == (256, 256, 3)
    assert (picture[128:144, 128:144] == palette(1)[0]).all()
    assert draw_example(example(), [], stride=4, side=10).shape == (64, 64, 3)  # never shrunk


def test_a_line_leads_to_the_centre_of_a_divided_object() -> None:
    alone = draw_example(example(DIAMOND), ["thing"], stride=4, side=256)
    part = draw_example(example(DIAMOND, whole=(1.0, 8.5)), ["thing"], stride=4, side=256)
    changed = np.argwhere((alone != part).any(axis=2))
    assert changed[:, 0].min() > 128 and changed[:, 0].max() < 144
    assert 10 < changed[:, 1].min() < 22 and changed[:, 1].max() < 140


def test_full_pictures_have_no_names() -> None:
    few, many = [DIAMOND] * 2, [DIAMOND] * 60
    named, other = (draw_example(example(*few), [n], stride=4, side=64) for n in ("abc", "xyz"))
    assert (named != other).any()
    named, other = (draw_example(example(*many), [n], stride=4, side=64) for n in ("abc", "xyz"))
    assert (named == other).all()


def test_a_sheet_shows_the_examples_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the first epoch, seeded, each once."""
    seen: list[tuple[int, int]] = []
    original = TrainingDataset.__getitem__

    def spy(self: TrainingDataset, key: tuple[int, int]) -> object:
        seen.append(key)
        return original(self, key)

    monkeypatch.setattr(TrainingDataset, "__getitem__", spy)
    data = SyntheticDataset(20)
    sheets = [sheet_of(data, seed=seed, count=5, columns=2, side=96) for seed in (1, 1, 2)]
    assert sheets[0] is not None and sheets[1] is not None and sheets[2] is not None
    assert (sheets[0] == sheets[1]).all()
    assert seen[:5] == seen[5:10] != seen[10:]
    assert {epoch for epoch, _ in seen} == {0} and len({index for _, index in seen[:5]}) == 5
    # Two columns of 96 pixels with a gap of 12; three rows of 64 and a caption of 24.
    assert sheets[0].shape[1] == 2 * 96 + 12
    assert sheets[0].shape[0] >= 3 * (64 + 24 + 12) + 48


def test_images_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    folder = damaged_folder(tmp_path / "data")
    index = read_coco(folder / "instances_train.json", lambda problem: None)
    dataset = IndexedDataset(folder / "images", index)
    sheet = sheet_of(dataset, count=12, columns=3, side=96)
    assert sheet is not None
    assert sheet.shape[1] == 2 * 96 + 12  # images 1 and 5 of five
    broken = IndexedDataset(folder / "images", index.subset(image_ids=[2, 3]))
    assert sheet_of(broken) is None


def test_names_beyond_ascii_and_long_ones(tmp_path: Path) -> None:
    folder = clean_folder(tmp_path / "data")
    path = folder / "instances_train.json"
    path.write_text(path.read_text().replace('"thing"', '"\\u53f0\\u706f ' + 500 * "long " + '"'))
    dataset = IndexedDataset(folder / "images", read_coco(path))
    assert sheet_of(dataset, title="ä" * 500, side=64) is not None


def test_pasted_objects_have_a_band_and_ignored_cells_stripes() -> None:
    """Of two objects one is pasted; cells (9, 13)-(16, 16) are ignored."""
    both = example(DIAMOND - (10, 0), DIAMOND[:, ::-1] * 0.3 + (50, 4))
    plain = draw_example(both, ["thing"], stride=4, side=64)
    cells = torch.zeros(1, 16, 16, dtype=torch.bool)
    cells[0, 13:, 9:] = True
    marked = replace(
        both,
        pasted=torch.tensor([True, False]),
        ignored=IgnoredCells(torch.tensor([[0, 0]]), cells),
    )
    picture = draw_example(marked, ["thing"], stride=4, side=64)
    changed = (picture != plain).any(axis=2)
    y, x = np.nonzero(changed)
    distance = (np.abs(x + 0.5 - 22.5) + np.abs(y + 0.5 - 32.5) - 20) / np.sqrt(2)
    near, striped = np.abs(distance) < 5, (x >= 36) & (y >= 52)
    assert (near | striped).all()
    assert near.sum() > 60
    # A quarter of the cells' pixels; only white can have become of them.
    stripes = changed[52:, 36:]
    assert 0.2 < stripes.mean() < 0.3
    assert (picture[52:, 36:][stripes] == 255).all()


def test_the_legend_names_only_what_can_be_there() -> None:
    data = SyntheticDataset(2, seed=0)
    widths = []
    for augmentation, targets in (
        (CROP, TARGETS),
        (replace(CROP, copy_paste_probability=1.0), replace(TARGETS, ignore_unlearned=True)),
    ):
        examples = training_path(data, augmentation, targets, seed=0)
        sheet = label_sheet(examples, augmentation, targets, title="x", side=600)
        assert sheet is not None
        widths.append(int(np.nonzero((sheet[30:45] < 200).any(axis=(0, 2)))[0].max()))
    assert widths[1] > widths[0] + 60
