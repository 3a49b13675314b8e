"""The ceiling of the representation: labels as predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from coco_scenes import rectangle, truth

from dataset.formats.coco.read import read_coco
from dataset.index.label_index import LabelIndex
from e2ec.bench.studies.ceiling import (
    PARTS,
    ceiling,
    ceiling_table,
    describe,
    label_predictions,
    main,
)
from lib.errors import InputError

KEPT, SINGLE, LARGEST = PARTS


def write(folder: Path, *objects: list[list[float]], crowd: bool = False) -> Path:
    """A COCO file of one image with an object of class 1 for each list of polygons."""
    document = truth([(1, 1, (0, 0, 1, 1)) for _ in objects])
    document["images"][0]["file_name"] = "a.jpg"
    for annotation, polygons in zip(document["annotations"], objects, strict=True):
        annotation["segmentation"] = polygons
        del annotation["area"], annotation["bbox"]
    if crowd:
        document["annotations"].append(
            {**document["annotations"][0], "id": 99, "iscrowd": 1, "segmentation": objects[0]}
        )
    path = folder / "labels.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


@pytest.fixture
def split(tmp_path: Path) -> LabelIndex:
    """An object in two parts, of 40 x 20 and 20 x 20 pixels, and a crowd region."""
    parts = [rectangle(10, 10, 40, 20), rectangle(80, 10, 20, 20)]
    return read_coco(write(tmp_path, parts, crowd=True))


def test_parts_by_hand(split: LabelIndex) -> None:
    """The larger part is 800 of 1200 pixels: IoU 2/3, right at 0.50 to 0.65, 4 of 10 thresholds.
    It comes before the other part, which is wrong and costs nothing behind full recall."""
    for vertices in (None, 32):
        assert ceiling(split, vertices, KEPT)["segm/AP"] == pytest.approx(1.0)
        assert ceiling(split, vertices, KEPT)["boundary/AP"] == pytest.approx(1.0)
        assert ceiling(split, vertices, SINGLE)["segm/AP"] == pytest.approx(0.4)
        assert ceiling(split, vertices, LARGEST)["segm/AP"] == pytest.approx(0.4)


def test_predictions_hold_aligned_vertices_and_no_crowd(split: LabelIndex) -> None:
    counts = {parts: len(label_predictions(split, 16, parts)) for parts in (KEPT, SINGLE)}
    assert counts == {KEPT: 1, SINGLE: 2}
    (whole,) = label_predictions(split, 16, KEPT)
    assert [len(polygon) for polygon in whole["segmentation"]] == [32, 32]
    (largest,) = label_predictions(split, None, LARGEST)
    assert largest["segmentation"] == [rectangle(10, 10, 40, 20)]


def test_few_vertices_cost_by_hand(tmp_path: Path) -> None:
    """Four vertices of a circle are a square: IoU 2 / pi = 0.637, right at 0.50, 0.55 and 0.60."""
    angle = 2 * np.pi * np.arange(360) / 360
    circle = np.stack([100 + 80 * np.cos(angle), 100 + 80 * np.sin(angle)], axis=1)
    index = read_coco(write(tmp_path, [circle.ravel().tolist()]))
    assert ceiling(index, 4, KEPT)["segm/AP"] == pytest.approx(0.3)
    assert ceiling(index, 128, KEPT)["segm/AP"] == pytest.approx(1.0)


def test_the_table(split: LabelIndex) -> None:
    lines = ceiling_table(split, [32]).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| 32 | 100.0 | 100.0 | 40.0 |")
    assert lines[3].startswith("| as labelled | 100.0 | 100.0 | 40.0 |")
    assert describe(split) == (
        "1 images, 1 objects, 1 of them in several parts, 2 parts; "
        "0 of these beyond the limit of 100 an image and class"
    )


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = write(tmp_path, [rectangle(10, 10, 40, 20)])
    assert main([str(path), "--vertices", "8"]) == 0
    table = capsys.readouterr().out
    assert "| 8 |" in table and "| as labelled | 100.0 |" in table
    path.write_text("{", "utf-8")
    with pytest.raises(InputError, match=r"labels\.json"):
        main([str(path)])
    with pytest.raises(SystemExit, match="2"):
        main([str(path), "--vertices", "3"])
