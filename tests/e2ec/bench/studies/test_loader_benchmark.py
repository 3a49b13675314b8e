"""The plain loader of the benchmark makes the same examples as ours, so that rates compare."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from training_path import training_path

from dataset.contour.targets import TargetSettings, collate
from dataset.formats.coco.read import read_coco
from dataset.index.dataset import IndexedDataset
from dataset.synthetic.dataset import SyntheticDataset
from dataset.transforms.augmentation import AugmentationSettings
from e2ec.bench.studies.loader_benchmark import (
    MEAN_BGR,
    STD_BGR,
    collate_plain,
    finish,
    main,
    plain_example,
)
from lib.errors import InputError
from lib.images import write_image


@pytest.fixture
def paths(tmp_path: Path) -> tuple[str, str]:
    """Six small generated scenes as JPEG files, labels in a COCO file."""
    data = SyntheticDataset(6, size=(90, 120), seed=2)
    document = data.ground_truth()
    for index, record in enumerate(document["images"]):
        record["file_name"] = f"{record['id']}.jpg"
        write_image(tmp_path / record["file_name"], data[index].image)
    for annotation in document["annotations"]:
        annotation["iscrowd"] = int(annotation["id"] % 5 == 0)
        parts = next(
            instance.parts
            for index in range(len(data))
            for instance in data[index].instances
            if instance.annotation_id == annotation["id"]
        )
        annotation["segmentation"] = [part.ravel().tolist() for part in parts]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    return str(tmp_path), str(path)


def test_both_loaders_make_the_same_examples(paths: tuple[str, str]) -> None:
    """Targets equal; pixels within a level of 255: ours are whole numbers, and OpenCV's colour
    transform of whole numbers counts in steps of 1 / 1024."""
    coco = IndexedDataset(paths[0], read_coco(paths[1]))
    augmentation, targets = AugmentationSettings(), TargetSettings()
    data = training_path(coco, augmentation, targets, seed=7)
    ours = collate([data[3, index] for index in range(len(data))])
    data.make_example = partial(
        plain_example,
        augmentation=augmentation,
        targets=targets,
        num_classes=len(coco.class_names),
    )
    plain = collate_plain([data[3, index] for index in range(len(data))])
    assert len(ours.classes) > 10
    for name in ("image_index", "centers", "classes", "keys"):
        assert_array_equal(getattr(ours, name), plain[name], err_msg=name)
    assert_allclose(ours.contours, plain["contours"], atol=1e-5)
    images, heatmaps = finish(ours)
    assert_allclose(heatmaps, plain["heatmap"], atol=3e-7)
    mean, std = (v.reshape(3, 1, 1) for v in (MEAN_BGR, STD_BGR))
    expected = np.clip(plain["image"].numpy() * std + mean, 0, 1)
    assert_allclose(images.numpy() * std + mean, expected, atol=0.9 / 255)


def test_the_command_prints_a_table(
    paths: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*paths, "--batch", "2", "--turns", "1", "--workers", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| loader | images/s | of all turns | times plain |"
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["ours", "ours, finished", "plain"]


def test_too_few_images_are_refused_in_one_line(paths: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="too few images for two batches"):
        main([*paths, "--batch", "4"])
