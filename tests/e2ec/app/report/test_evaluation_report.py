"""What the report of an evaluation says, on one whose every number is known by hand."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_case import CATS_AP50, found, write_evaluation

from e2ec.app.commands.report import report
from e2ec.app.report.errors import confusion, measured_calibration, side
from e2ec.app.report.evaluation import Evaluation, load_evaluation
from e2ec.app.report.examples import Gallery, choose
from e2ec.app.report.stage_file import MOST_IMAGES, read_stages, write_stages
from e2ec.app.report.summary import class_ap, precision_curve
from lib.errors import InputError


class Page(HTMLParser):
    """The text of a page, its tables' rows, elements and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, self._open  # everything that is opened is closed

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._open and self._open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_evaluation(tmp_path_factory.mktemp("report") / "evaluation")


@pytest.fixture(scope="module")
def evaluation(folder: Path) -> Evaluation:
    return load_evaluation(folder)


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page(report(folder).read_text())


def test_metrics_are_those_of_the_file(page: Page, folder: Path) -> None:
    """Every metric is there, as metrics.json has it, to a tenth of a percent."""
    metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
    for name, value in metrics.items():
        shown = "-" if value is None else f"{100 * value:.1f}"
        assert [name, shown] in page.rows, name
    for stage in ("init", "refine1"):
        assert [stage, f"{100 * metrics[f'stages/{stage}']:.1f}"] in page.rows
    sizes = [100 * metrics[f"segm/{key}"] for key in ("APs",)]
    assert ["small", f"{sizes[0]:.1f}"] in page.rows and ["large", "-"] in page.rows


def test_classes(evaluation: Evaluation, page: Page) -> None:
    """AP by class is that of `--eval.per-class`."""
    measured = {evaluation.class_names[k]: v for k, v in class_ap(evaluation).items()}
    assert measured == {name: evaluation.metrics[f"segm/AP/{name}"] for name in ("cat", "dog")}
    assert ["cat", "3", f"{100 * CATS_AP50:.1f}"] in page.rows  # at every IoU: found exactly


def test_curves(evaluation: Evaluation) -> None:
    """Cats: precision 1 up to a recall of 1/3, nothing beyond. Their mean is AP50."""
    recall, precision = precision_curve(evaluation, 0.5, 1)
    assert precision == [1.0] * 34 + [0.0] * 67 and recall[33] == 0.33
    _, both = precision_curve(evaluation, 0.5)
    assert sum(both) / 101 == pytest.approx(evaluation.metrics["segm/AP50"])
    assert evaluation.metrics["segm/AP50"] == pytest.approx((CATS_AP50 + 1) / 2)


def test_found_missed_and_false(evaluation: Evaluation, page: Page) -> None:
    matches = evaluation.matches
    assert [(m.annotation, m.detection, round(m.iou, 6)) for m in matches.found] == [
        (1, 1, 1.0),
        (2, 2, 0.8),
    ]
    assert sorted(matches.missed) == [3, 4] and sorted(matches.false) == [3, 4]
    assert "Objects: 2 found; 2 missed" in page.text
    # Two cats are missed, of sides 20 and 10; false are two detections of side 20.
    assert ["8-16", "0", "1"] in page.rows and ["16-24", "2", "1"] in page.rows
    assert ["16-24", "2", "2"] in page.rows
    assert side({"bbox": [0.0, 0.0, 4.0, 9.0]}) == 6  # type: ignore[dict-item]


def test_confusion(evaluation: Evaluation, page: Page) -> None:
    """One of three cats is right, one is taken for a dog, one is missed; a cat is found where
    nothing is."""
    assert confusion(evaluation).tolist() == [[1, 1, 1], [0, 1, 0], [1, 0, 0]]
    assert ["cat", "3", "1", "1", "1", "1"] in page.rows
    assert ["dog", "1", "1", "0", "0", "0"] in page.rows
    assert ["cat found as dog", "1", "33 %"] in page.rows


def test_calibration(evaluation: Evaluation, page: Page) -> None:
    """Right at 0.9 and 0.8, wrong at 0.7 and 0.6: (0.1 + 0.2 + 0.7 + 0.6) / 4."""
    measured = measured_calibration(evaluation)
    assert not isinstance(measured, str)
    assert measured[0]["calibration/error"] == pytest.approx(0.4)
    assert measured[0]["calibration/error"] == evaluation.metrics["calibration/error"]
    assert measured[1] == evaluation.summary["calibration"]
    assert "Calibration error 40.0 points; on average scores lie 25.0 points above" in page.text


def test_examples_have_every_stage(evaluation: Evaluation, page: Page) -> None:
    """The first cat: 10 of 20 columns at `init`, all at the end."""
    alts = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert "cat in one.png at stage init: IoU 50.0" in alts
    assert "cat in one.png at stage refine1 *: IoU 100.0" in alts
    assert "dog in one.png at stage refine1 *: IoU 80.0" in alts
    assert "Label of cat in one.png" in alts
    assert page.text.count("nothing was found near it") == 2  # both missed cats
    gallery = Gallery(evaluation)
    chosen = choose(evaluation, gallery.images, count=1, seed=0)
    assert [m.iou for m in chosen["best"]] == [1.0] and chosen["worst"][0].iou < 1
    assert chosen["random"] == []  # each match is shown once


def test_random_examples_come_from_the_seed(evaluation: Evaluation) -> None:
    images = {1, 2}
    one = choose(evaluation, images, count=0, seed=3)
    assert one == {"best": [], "worst": [], "random": []}


def test_stages_are_kept_of_some_images(tmp_path: Path) -> None:
    results = [{"image_id": i, "category_id": 1, "score": 0.5} for i in range(1200)]
    write_stages(tmp_path, {"init": results, "final": results}, "final", range(1200))
    stages = read_stages(tmp_path)
    assert stages is not None and len(stages.images) == MOST_IMAGES
    assert stages.images[:3] == (0, 2, 4) and stages.images[-1] > 1190
    assert len(stages.results["init"]) == MOST_IMAGES and "final" not in stages.results


def test_evaluations_from_before_stages_were_kept(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "old")
    (folder / "stages.json").unlink()
    text = report(folder, out=tmp_path / "r.html").read_text()
    assert "from before other stages were kept" in text and "stage found: IoU 100.0" in text


def test_two_side_by_side(tmp_path: Path) -> None:
    """B finds the first cat by 12 of 20 columns: IoU 0.6, and AP falls."""
    first = write_evaluation(tmp_path / "a")
    second = write_evaluation(tmp_path / "b", first_width=12)
    page = Page(report(first, second, out=tmp_path / "r.html").read_text())
    ap = [
        json.loads((f / "metrics.json").read_text())["metrics"]["segm/AP"] for f in (first, second)
    ]
    a, b = (100 * value for value in ap)
    assert a > b
    assert ["segm/AP", f"{a:.1f}", f"{b:.1f}", f"{b - a:+.1f}"] in page.rows
    alts = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert alts == [
        "Label of cat in one.png",
        "cat in one.png, A: IoU 100.0",
        "cat in one.png, B: IoU 60.0",
    ]
    assert "A finds 2 of 4 objects, with 2 false finds" in page.text


def test_two_of_other_labels(tmp_path: Path) -> None:
    first = write_evaluation(tmp_path / "a" / "e")
    second = write_evaluation(tmp_path / "b" / "e")
    path = tmp_path / "b" / "data" / "instances_val.json"
    truth = json.loads(path.read_text())
    truth["annotations"].pop()
    path.write_text(json.dumps(truth))
    with pytest.raises(InputError, match="not an evaluation of the same images and labels"):
        report(first, second)


def test_nothing_found(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "e")
    (folder / "results.json").write_text("[]")
    text = Page(report(folder).read_text()).text
    assert "Objects: 0 found; 4 missed" in text and "No detections" in text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("metrics.json", None, "no metrics.json"),
        ("metrics.json", "[]", "neither train.py's nor test.py's"),
        ("metrics.json", '{"metrics": 3, "split": "val"}', "not those of an evaluation"),
        ("config.json", "{}", "not those of an evaluation"),
        ("config.json", '{"eval": {"iou_types": ["x"]}}', "not those of an evaluation"),
        ("stages.json", '{"stages": 1}', "not what test.py writes"),
        ("results.json", None, "results.json: not found"),
    ],
)
def test_damaged_folders(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    folder = write_evaluation(tmp_path / "e")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(InputError, match=re.escape(said)):
        report(folder)


def test_data_that_has_moved(tmp_path: Path) -> None:
    folder = write_evaluation(tmp_path / "e")
    moved = (tmp_path / "data").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="name the folder by --root"):
        report(folder)
    assert report(folder, root=moved).is_file()


def test_images_that_are_gone(tmp_path: Path) -> None:
    """Numbers need none; in place of pictures stands which file is missing."""
    folder = write_evaluation(tmp_path / "e")
    (tmp_path / "data" / "images" / "one.png").unlink()
    for other in (None, write_evaluation(tmp_path / "b", first_width=12)):
        text = report(folder, other, out=tmp_path / "r.html").read_text()
        assert "no picture: " in text and "one.png" in text
        alts = [attributes["alt"] for tag, attributes in Page(text).tags if tag == "img"]
        assert not any("one.png" in str(alt) for alt in alts)


def test_results_of_other_origin(tmp_path: Path) -> None:
    """No stage: the results are the file that was evaluated."""
    folder = write_evaluation(tmp_path / "e")
    (folder / "results.json").rename(tmp_path / "theirs.json")
    summary = json.loads((folder / "metrics.json").read_text())
    summary |= {"stage": None, "source": str(tmp_path / "theirs.json")}
    (folder / "metrics.json").write_text(json.dumps(summary))
    alts = [a["alt"] for tag, a in Page(report(folder).read_text()).tags if tag == "img"]
    assert "cat in one.png at stage found: IoU 100.0" in alts
    assert len(found()) == 4
