"""The official Cityscapes evaluation: what it gives, and that it leaves nothing behind."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import cityscapes_tree as tree
import cityscapesscripts
import numpy as np
import pytest
from cityscapesscripts.evaluation import evalInstanceLevelSemanticLabeling as official
from PIL import Image

from dataset.formats.cityscapes import label_path, read_cityscapes
from e2ec.metrics.cityscapes import evaluate_cityscapes
from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.results.submission import cityscapes_files
from lib.errors import InputError

CLASSES = ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")


class Scenes:
    """The miniature validation split, with its ground truth as perfect results."""

    def __init__(self, root: Path) -> None:
        self.ground_truth = read_cityscapes(tree.write_tree(root), "val").ground_truth()
        self.images = self.ground_truth["images"]
        self.labels = {
            i["id"]: label_path(root, "val", i["file_name"], "instance_ids") for i in self.images
        }
        self.results = as_results(self.ground_truth)

    def evaluate(self, results: list[dict[str, Any]], work: Path) -> dict[str, float | None]:
        return evaluate_cityscapes(results, self.images, self.labels, work)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    return Scenes(tmp_path_factory.mktemp("cityscapes"))


def as_results(ground_truth: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": a["image_id"],
            "category_id": a["category_id"],
            "segmentation": a["segmentation"],
            "score": 0.9 - 0.01 * number,
        }
        for number, a in enumerate(ground_truth["annotations"])
        if not a["iscrowd"]
    ]


def flat_rectangle(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def files_below(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*.json")}


def test_the_ground_truth_itself_scores_one(scenes: Scenes, tmp_path: Path) -> None:
    """In the official evaluation; the person of CROSSING is too small for it and is ignored."""
    metrics = scenes.evaluate(scenes.results, tmp_path)
    assert list(metrics) == [
        "official/AP",
        "official/AP50",
        *(f"official/AP/{name}" for name in CLASSES),
    ]
    assert metrics == pytest.approx(dict.fromkeys(metrics, 1.0))
    small = min(a["area"] for a in scenes.ground_truth["annotations"])
    assert small < 100


def test_paths_may_be_relative(
    scenes: Scenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    labels = {key: os.path.relpath(path) for key, path in scenes.labels.items()}
    metrics = evaluate_cityscapes(scenes.results, scenes.images, labels, "../work")
    assert metrics["official/AP"] == pytest.approx(1.0)


def test_an_image_without_results_counts(scenes: Scenes, tmp_path: Path) -> None:
    """Without those of STREET the only person of 100 pixels and one of three cars are missed."""
    rest = [result for result in scenes.results if result["image_id"] != 1]
    metrics = scenes.evaluate(rest, tmp_path)
    assert metrics["official/AP/person"] == 0
    # Two of three found, none false: precision is 1 up to a recall of 2/3.
    assert metrics["official/AP/car"] == pytest.approx(2 / 3)
    assert metrics["official/AP/bus"] == pytest.approx(1.0)
    assert metrics["official/AP"] < 0.95


def test_no_results_at_all(scenes: Scenes, tmp_path: Path) -> None:
    metrics = scenes.evaluate([], tmp_path)
    assert metrics == dict.fromkeys(metrics, 0.0)


def test_nothing_but_ignored_results(scenes: Scenes, tmp_path: Path) -> None:
    """Persons missed, and one found on a person of CROSSING that is too small to count."""
    small = [r for r in scenes.results if (r["image_id"], r["category_id"]) == (2, 24)]
    assert scenes.evaluate(small, tmp_path)["official/AP/person"] == 0


def test_what_is_not_there_is_undefined(scenes: Scenes, tmp_path: Path) -> None:
    metrics = evaluate_cityscapes([], scenes.images[2:], scenes.labels, tmp_path)
    assert metrics == dict.fromkeys(metrics, None)


def test_overlap_decides(scenes: Scenes, tmp_path: Path) -> None:
    """The person of 10 x 30 pixels found as 10 x 23: IoU 0.77 is above 6 of the 10 thresholds."""
    found = {
        "image_id": 1,
        "category_id": 24,
        "segmentation": flat_rectangle(80, 40, 90, 63),
        "score": 0.5,
    }
    metrics = scenes.evaluate([found], tmp_path)
    assert metrics["official/AP/person"] == pytest.approx(0.6)
    # One class of eight.
    assert metrics["official/AP50"] == pytest.approx(1 / 8)


def test_a_detection_on_a_group_or_on_void_is_no_error(scenes: Scenes, tmp_path: Path) -> None:
    on_group = flat_rectangle(120, 40, 140, 50)
    on_caravan = flat_rectangle(4, 60, 24, 80)
    on_void = flat_rectangle(140, 60, 160, 80)
    on_road = flat_rectangle(100, 60, 120, 80)

    def with_car(segmentation: list[list[float]]) -> float | None:
        # A score above all others: as an error it would lower precision everywhere.
        more = {"image_id": 1, "category_id": 26, "segmentation": segmentation, "score": 0.99}
        return scenes.evaluate([*scenes.results, more], tmp_path)["official/AP/car"]

    assert with_car(on_group) == pytest.approx(1.0)
    assert with_car(on_void) == pytest.approx(1.0)
    assert with_car(on_road) < 0.9
    # Their script looks for the bare ids of classes that are not evaluated: a caravan with an
    # instance id of its own is no void.
    assert with_car(on_caravan) == with_car(on_road)


def test_one_part_of_a_split_object_is_not_the_object(scenes: Scenes, tmp_path: Path) -> None:
    """Both parts as separate detections: the larger one, 24 of 34 columns, has IoU 0.706."""
    parts = [
        {"image_id": 1, "category_id": 26, "segmentation": flat_rectangle(*part), "score": 0.5}
        for part in ((30, 50, 40, 70), (46, 50, 70, 70))
    ]
    whole = [{**parts[0], "segmentation": [p["segmentation"][0] for p in parts]}]
    street, labels = scenes.images[:1], scenes.labels
    joined = evaluate_cityscapes(whole, street, labels, tmp_path)["official/AP/car"]
    apart = evaluate_cityscapes(parts, street, labels, tmp_path)["official/AP/car"]
    assert joined == pytest.approx(1.0)
    assert apart < 0.5


def test_same_as_the_script_run_their_way(
    scenes: Scenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noisy results through the unmodified `evaluateImgLists` with files found by its search."""
    rng = np.random.default_rng(3)
    results = [
        {
            "image_id": int(rng.integers(1, 4)),
            "category_id": a["category_id"],
            "segmentation": flat_rectangle(
                *(np.array([x, y, x + w, y + h]) + rng.normal(0, 1, 4)).tolist()
            ),
            "score": float(rng.random()),
        }
        for a in scenes.ground_truth["annotations"] * 6
        for x, y, w, h in [a["bbox"]]
    ]
    ours = scenes.evaluate(results, tmp_path / "work")
    for name, data in cityscapes_files(
        prepare_inputs(scenes.ground_truth, results).detections, scenes.images
    ):
        path = tmp_path / "predictions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    args = copy.deepcopy(official.args)
    args.quiet, args.JSONOutput = True, False
    args.gtInstancesFile = str(tmp_path / "gtInstances.json")
    monkeypatch.setenv("CITYSCAPES_RESULTS", str(tmp_path / "predictions"))
    monkeypatch.chdir(tmp_path)  # it writes matches.json there
    truths = [str(path) for path in scenes.labels.values()]
    found = [official.getPrediction(path, args) for path in truths]
    with pytest.warns(DeprecationWarning):
        theirs = official.evaluateImgLists(found, truths, args)["averages"]
    assert ours["official/AP"] == theirs["allAp"]
    assert ours["official/AP50"] == theirs["allAp50%"]
    for name in CLASSES:
        assert ours[f"official/AP/{name}"] == theirs["classes"][name]["ap"]
    assert 0.01 < ours["official/AP"] < 0.9


def test_nothing_is_left_behind(
    scenes: Scenes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No file in its package or in the current folder, no output, no setting changed."""
    package = Path(cityscapesscripts.__file__).parent
    before, settings = files_below(package.parent), copy.deepcopy(vars(official.args))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("CITYSCAPES_DATASET", "/nowhere")
    monkeypatch.setenv("CITYSCAPES_RESULTS", "/nowhere")
    environment = dict(os.environ)
    scenes.evaluate(scenes.results, tmp_path / "work")
    assert files_below(package.parent) == before
    assert not (package / "evaluation" / "gtInstances.json").exists()
    assert repr(vars(official.args)) == repr(settings)
    assert dict(os.environ) == environment
    assert list(here.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    (cache,) = (tmp_path / "work").iterdir()
    assert cache.name.startswith("gtInstances-")


def test_changed_labels_are_noticed(tmp_path: Path) -> None:
    scenes = Scenes(tmp_path / "cityscapes")
    assert scenes.evaluate(scenes.results, tmp_path)["official/AP/bus"] == pytest.approx(1.0)
    ids = np.array(Image.open(scenes.labels[2]))
    ids[ids == 28_000] = 7
    Image.fromarray(ids).save(scenes.labels[2])
    assert scenes.evaluate(scenes.results, tmp_path)["official/AP/bus"] is None


def test_bad_results_are_named(scenes: Scenes, tmp_path: Path) -> None:
    """A class that is not evaluated; what else is refused is that of `prepare_inputs`."""
    with pytest.raises(InputError, match="entry 0: category_id 29"):
        scenes.evaluate([{**scenes.results[0], "category_id": 29}], tmp_path)


def test_bad_labels_are_named(tmp_path: Path) -> None:
    scenes = Scenes(tmp_path / "cityscapes")
    path, work = scenes.labels[2], tmp_path / "work"
    good = path.read_bytes()
    for bad, message in (
        (np.full((tree.HEIGHT, tree.WIDTH), 60_001, np.uint16), "cannot use it .*60"),
        (np.zeros((5, 5), np.uint16), "another size"),
    ):
        Image.fromarray(bad).save(path)
        with pytest.raises(InputError, match=f"{path}: .*{message}"):
            scenes.evaluate([], work)
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(InputError, match=f"{path}: "):
        scenes.evaluate([], work)
    path.unlink()
    with pytest.raises(InputError, match=f"{path}: "):
        scenes.evaluate([], work)
    with pytest.raises(InputError, match="image 1: has no"):
        evaluate_cityscapes([], scenes.images, {}, work)


def test_a_folder_that_cannot_be_made_is_named(scenes: Scenes, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/work: cannot be written"):
        scenes.evaluate([], tmp_path / "file" / "work")
