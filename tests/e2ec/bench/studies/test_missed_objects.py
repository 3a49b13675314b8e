"""Lost labels and false detections: scenes whose causes are known, and what the tables say."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from e2ec.bench.studies import missed_objects
from e2ec.bench.studies.match_causes import (
    CAUSES,
    KINDS,
    Overlaps,
    best_threshold,
    count,
    false_detections,
    lost_labels,
    overlaps,
    pairs,
)
from e2ec.bench.studies.missed_objects import (
    Looked,
    MissedOptions,
    choose_threshold,
    is_fluorescence,
    judge,
    touches_border,
)
from e2ec.bench.studies.missed_picture import (
    FALSE,
    LOST,
    SIDE,
    WINDOW,
    Windowed,
    draw_sheet,
    draw_window,
    place_window,
)
from e2ec.bench.studies.missed_tables import by_size, mended_detection, mended_label, report, shares
from e2ec.metrics.results_file import read_results
from lib.errors import InputError

SIZE = (100, 400)
Box = tuple[int, int, int, int]


def entry(box: Box, score: float = 1.0) -> dict[str, Any]:
    """A filled rectangle x0, y0, x1, y1."""
    x0, y0, x1, y1 = box
    mask = np.zeros(SIZE, np.uint8, order="F")
    mask[y0:y1, x0:x1] = 1
    flat = [x0, y0, x1 - x0, y1 - y0]
    return {"segmentation": coco_mask.encode(mask), "score": score, "bbox": flat}


def scene(found: list[tuple[Box, float]], labels: list[Box]) -> Overlaps:
    return overlaps([entry(box, score) for box, score in found], [entry(box) for box in labels])


def test_overlaps_are_those_of_dense_masks() -> None:
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 60, (9, 2))
    boxes = [(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, rng.integers(5, 40, (9, 2)))]  # noqa: B905
    one = scene([(box, 0.5) for box in boxes[:5]], boxes[5:])
    dense = [coco_mask.decode(entry(box)["segmentation"]).astype(bool) for box in boxes]
    for i, j in itertools.product(range(5), range(4)):
        a, b = dense[i], dense[5 + j]
        assert one.common[i, j] == (a & b).sum()
        assert one.iou[i, j] == pytest.approx((a & b).sum() / (a | b).sum())
        assert one.inside[i, j] == pytest.approx((a & b).sum() / a.sum())
        assert one.covered[i, j] == pytest.approx((a & b).sum() / b.sum())


def test_as_many_pairs_as_there_can_be() -> None:
    """The best pair first would leave one; all of the permutations know of two. A large sum of
    IoUs is worth less than a pair."""
    iou = np.array([[0.9, 0.6], [0.6, 0.0]])
    rows, columns = pairs(iou, 0.5)
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 0)]
    rng = np.random.default_rng(1)
    for _ in range(50):
        iou = rng.random((3, 4))
        most = max(
            sum(iou[i, j] >= 0.6 for i, j in enumerate(order))
            for order in itertools.permutations(range(4), 3)
        )
        assert len(pairs(iou, 0.6)[0]) == most
    assert len(pairs(np.zeros((0, 3)), 0.5)[0]) == len(pairs(np.zeros((3, 0)), 0.5)[0]) == 0


def test_every_cause_and_every_kind_is_known() -> None:
    """Scenes of one cause each, side by side; all objects are 20 pixels high."""
    labels = [
        (0, 0, 20, 20), (22, 0, 42, 20),  # merged: one detection over both, its IoU 20/42
        (60, 0, 100, 20),  # split in the middle: IoU 19/40
        (120, 0, 140, 20),  # found, but with too low a score
        (160, 0, 180, 20),  # IoU 8/20 = 0.4
        (200, 0, 220, 20),  # nothing there
        (240, 0, 260, 20),  # found twice
    ]  # fmt: skip
    found = [
        ((0, 0, 42, 20), 0.9),
        ((60, 0, 79, 20), 0.9), ((81, 0, 100, 20), 0.8),
        ((120, 0, 140, 20), 0.1),
        ((160, 0, 168, 20), 0.9),
        ((240, 0, 260, 20), 0.9), ((240, 0, 257, 20), 0.8),
        ((258, 0, 270, 20), 0.7),  # 2 of 12 columns in a label
        ((300, 0, 320, 20), 0.7),
    ]  # fmt: skip
    one = scene(found, labels)
    assert lost_labels(one, 0.5, 0.5) == [
        "merged", "merged", "split", "score", "contour", "nothing", None
    ]  # fmt: skip
    assert false_detections(one, 0.5, 0.5) == [
        "merged", "contour", "contour", None, "contour", None, "double", "beside", "background"
    ]  # fmt: skip
    assert false_detections(scene([((0, 0, 5, 5), 0.9)], [(0, 0, 20, 20)]), 0.5, 0.5) == ["piece"]
    assert {*lost_labels(one, 0.5, 0.5)} - {None} == {*CAUSES}
    assert {*false_detections(one, 0.5, 0.5), "piece"} - {None} == {*KINDS}
    counts = count(one, 0.5, 0.5)
    assert (counts.right, counts.false, counts.lost) == (1, 7, 6)
    assert counts.score == pytest.approx(1 / 14)
    assert lost_labels(one, 0.05, 0.5)[3] is None


def test_empty_images() -> None:
    assert count(scene([], []), 0.5, 0.5).score == 1
    assert count(scene([((0, 0, 9, 9), 0.9)], []), 0.5, 0.5).score == 0
    assert lost_labels(scene([], [(0, 0, 9, 9)]), 0.5, 0.5) == ["nothing"]
    assert false_detections(scene([((0, 0, 9, 9), 0.9)], []), 0.5, 0.5) == ["background"]


def test_the_threshold_with_the_highest_mean() -> None:
    """At 0.3 both labels are found; above 0.4 one is lost, at 0.1 a false one comes in."""
    one = scene(
        [((0, 0, 9, 9), 0.9), ((20, 0, 29, 9), 0.4), ((50, 0, 59, 9), 0.2)],
        [(0, 0, 9, 9), (20, 0, 29, 9)],
    )
    assert best_threshold([one], [0.1, 0.3, 0.35, 0.6], 0.5) == (0.3, 1.0)
    with pytest.raises(ValueError, match="at least"):
        best_threshold([], [0.1], 0.5)


def looked(found: list[tuple[Box, float]], labels: list[Box], grey: bool = True) -> Looked:
    some, others = [entry(*one) for one in found], [entry(box) for box in labels]
    return Looked(0, "name.png", grey, some, others, overlaps(some, others))


def test_what_causes_cost() -> None:
    """Image 1 has 1 right, 1 lost, 1 false: 1/3. Were it not lost, 2/3; were nothing false, 1/2.
    Image 2 is perfect."""
    first = looked([((0, 0, 9, 9), 0.9), ((90, 20, 99, 29), 0.9)], [(0, 0, 9, 9), (40, 40, 60, 60)])
    second = looked([((0, 0, 9, 9), 0.9)], [(0, 0, 9, 9)], grey=False)
    images = [judge(one, 0.5, 0.5) for one in (first, second)]
    lost = shares(images, CAUSES, lambda one: one.causes, mended_label)
    assert lost["nothing"] == (1, pytest.approx((2 / 3 - 1 / 3) / 2))
    assert lost["merged"] == (0, 0)
    false = shares(images, KINDS, lambda one: one.kinds, mended_detection)
    assert false["background"] == (1, pytest.approx((1 / 2 - 1 / 3) / 2))
    text, numbers = report(images, 0.5, 0.5)
    assert numbers["scores"]["all"]["0.5"] == pytest.approx(2 / 3)
    assert numbers["scores"]["fluorescence"]["0.9"] == pytest.approx(1 / 3)
    assert "| fluorescence, 1 images | 0.333 |" in text and "| all, 2 images | 0.667 |" in text
    json.dumps(numbers)


def test_sizes_are_diameters_and_borders_count_by_themselves() -> None:
    """9 x 9 pixels are a circle of 10.2, 20 x 20 one of 22.6."""
    image = judge(looked([], [(0, 0, 9, 9), (40, 40, 60, 60)]), 0.5, 0.5)
    rows = {row[0]: row[1:3] for row in by_size([image])}
    assert rows["8 to 12"] == rows["16 to 24"] == ["1", "1 (100 %)"]
    assert rows["0 to 8"] == ["0", "0"]
    assert rows["at the image's border"] == ["1", "1 (100 %)"]
    assert touches_border(entry((391, 50, 400, 60))) and touches_border(entry((5, 91, 9, 100)))
    assert not touches_border(entry((1, 1, 399, 99)))


def test_fluorescence_is_grey_and_dark() -> None:
    dark = np.full((8, 8, 3), 20, np.uint8)
    assert is_fluorescence(dark)
    assert not is_fluorescence(255 - dark)
    assert not is_fluorescence(dark + np.array([0, 0, 10], np.uint8))


def test_the_threshold_is_chosen_on_what_counts() -> None:
    grey = looked([((0, 0, 9, 9), 0.9), ((20, 0, 29, 9), 0.5)], [(0, 0, 9, 9)])
    other = looked([((0, 0, 9, 9), 0.31)], [(0, 0, 9, 9)], grey=False)
    for_all = MissedOptions("nuclei", Path("a"))
    for_grey = MissedOptions("nuclei", Path("a"), choose_for="fluorescence")
    assert choose_threshold([grey, other], for_all) == (0.02, 0.75)
    assert choose_threshold([grey, other], for_grey) == (0.52, 1.0)
    with pytest.raises(InputError, match="choose-for"):
        choose_threshold([other], for_grey)


def windowed(labels: list[Box], causes: list[str | None], **more: Any) -> Windowed:
    masks = [entry(box)["segmentation"] for box in labels]
    fields: dict[str, Any] = {"found": [], "kinds": [], "kept": [], **more}
    return Windowed("a.png", np.zeros((*SIZE, 3), np.uint8), masks, causes, **fields)


def test_the_window_is_where_most_is_wrong() -> None:
    """Two lost labels at the right outweigh one at the left; found ones do not count."""
    labels = [(10, 10, 20, 20), (300, 10, 310, 20), (330, 10, 340, 20), (30, 30, 50, 50)]
    x, y = place_window(windowed(labels, ["split", "score", "merged", None]))
    assert x <= 300 and x + WINDOW >= 340 and x <= SIZE[1] - WINDOW and y == 0
    assert place_window(windowed(labels, [None] * 4)) == ((SIZE[1] - WINDOW) // 2, 0)


def test_outlines_have_the_colours_of_their_causes() -> None:
    one = windowed([(10, 10, 30, 30)], ["merged"])
    scale = SIDE / WINDOW
    picture = draw_window(one)
    edge = picture[round(20 * scale), round(10 * scale) : round(10 * scale) + 3]
    assert (edge == LOST["merged"]).all(axis=1).any()
    found = entry((60, 10, 80, 30))["segmentation"]
    shown, hidden = (
        draw_window(windowed([], [], found=[found], kinds=["background"], kept=[kept]))
        for kept in (True, False)
    )
    assert (shown == FALSE).all(axis=2).any() and not (hidden == FALSE).all(axis=2).any()
    sheet = draw_sheet([one, one])
    assert sheet.shape[1] > 2 * SIDE and sheet.dtype == np.uint8


def test_the_command_takes_results_of_any_model(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """The labels as results: of the training images with a false one of score 0.5 beside each, so
    that the threshold is just above it; of the others one of two is lost."""
    (tmp_path / "images").mkdir()
    boxes: list[Box] = [(10, 10, 40, 40), (100, 50, 130, 80)]
    files = {}
    for split, start in {"train": 1, "val": 5}.items():
        document: dict[str, Any] = {"categories": [{"id": 1, "name": "nucleus"}]}
        document["images"], document["annotations"], files[split] = [], [], []
        for number in (start, start + 1):
            name = f"{number}.png"
            cv2.imwrite(str(tmp_path / "images" / name), np.full((*SIZE, 3), 9, np.uint8))
            size = {"height": SIZE[0], "width": SIZE[1]}
            document["images"].append({"id": number, "file_name": name, **size})
            for k, (x0, y0, x1, y1) in enumerate(boxes):
                polygon = [x0, y0, x1, y0, x1, y1, x0, y1]
                common = {
                    "image_id": number, "category_id": 1, "segmentation": [polygon],
                    "area": (x1 - x0) * (y1 - y0), "bbox": [x0, y0, x1 - x0, y1 - y0],
                }  # fmt: skip
                document["annotations"].append({**common, "id": 10 * number + k, "iscrowd": 0})
                if split == "train" or k == 0:
                    files[split].append({**common, "score": 0.9})
            if split == "train":
                false = [200, 10, 230, 10, 230, 40]
                files[split].append({**common, "segmentation": [false], "score": 0.5})
        (tmp_path / f"instances_{split}.json").write_text(json.dumps(document))
        (tmp_path / f"{split}.json").write_text(json.dumps(files[split]))
    words = ["nuclei", "--root", str(tmp_path), "--results", str(tmp_path / "val.json")]
    words += ["--choose-results", str(tmp_path / "train.json"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["missed_objects", *words])
    assert missed_objects.main() == 0
    text = capsys.readouterr().out
    assert text.startswith("score threshold 0.52: 1.000 on 2 training images (all)")
    assert "| fluorescence, 2 images | 0.500 |" in text
    written = json.loads((tmp_path / "out" / "missed.json").read_text())
    assert written["lost"]["all"]["nothing"] == [2, pytest.approx(0.5)]
    assert len(read_results(tmp_path / "out" / "results.json")) == 2
    assert cv2.imread(str(tmp_path / "out" / "missed.png")).shape[1] > 2 * SIDE


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": 2.0}, {"iou": 0.0}, {"pictures": 0}, {"zoom": 0.0}, {"results": Path("b")}],
)
def test_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"--{next(iter(wrong))}"):
        MissedOptions("nuclei", Path("a"), **wrong)
