"""A format of one's own: a reader and a record, listed in one tuple, and everything knows it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from front_doors import call

from dataset.checks.problems import Report, strict
from dataset.formats import detect
from dataset.formats.format import Format, Split, SplitName
from dataset.formats.open_path import open_path
from dataset.index.builder import IndexBuilder
from dataset.index.label_index import LabelIndex
from e2ec.app.commands.command_line import parse_config
from e2ec.app.commands.convert import ConvertOptions, convert
from e2ec.config import ConversionTarget, DataConfig, LabelFormat
from e2ec.config import Format as SettingsFormat
from e2ec.convert.writers import WRITERS
from e2ec.engine.data.data_plan import plan_data
from e2ec.engine.data.open_data import open_data
from e2ec.results.formats.catalogue import OUTPUT_FORMATS

SIDE = 32


def read_triangles(path: Path, split: SplitName, report: Report = strict) -> LabelIndex:
    """{"triangles": {"train": {"a.png": [[x0, y0, x1, y1, x2, y2], ...]}, "val": ...}}."""
    builder = IndexBuilder(str(path), report)
    builder.add_category(1, "triangle")
    images = json.loads(path.read_text())["triangles"][split]
    for number, (name, triangles) in enumerate(images.items(), start=1):
        builder.add_image(number, name, SIDE, SIDE)
        for triangle in triangles:
            builder.add(id=None, image_id=number, category_id=1, polygons=[triangle])
    return builder.finish()


TRIANGLES = Format(
    name="triangles",
    title="triangles",
    recognise=lambda path: path.is_file() and '"triangles"' in path.read_text(),
    splits=lambda path, images: [Split(n, n, path, images) for n in get_args(SplitName)[:2]],
    read=lambda split, report: read_triangles(split.labels, split.which, report),
)


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images to train on with five triangles, one with one to validate."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detect, "FORMATS", (*detect.FORMATS, TRIANGLES))
    triangle = [4, 4, 28, 4, 16, 28]
    train = {"a.png": [triangle], "b.png": [triangle, triangle[::-1]], "c.png": [triangle] * 2}
    folder = tmp_path / "data"
    folder.mkdir()
    for name in (*train, "d.png"):
        assert cv2.imwrite(str(folder / name), np.zeros((SIDE, SIDE, 3), np.uint8))
    path = folder / "labels.json"
    path.write_text(json.dumps({"triangles": {"train": train, "val": {"d.png": [triangle]}}}))
    return path


def test_it_is_opened(labels: Path) -> None:
    assert detect.detect_format(labels) is TRIANGLES
    found = open_path(labels)
    assert {name: len(data) for name, data in found.items()} == {"train": 3, "val": 1}
    assert [len(found["train"][i].instances) for i in range(3)] == [1, 2, 2]
    (part,) = found["val"][0].instances[0].parts
    assert part.tolist() == [[4, 4], [28, 4], [16, 28]]


def test_it_is_trained_on(labels: Path) -> None:
    config = parse_config(["custom", "--data.root", str(labels)], program="", purpose="")
    plan = plan_data(config.data)
    assert (plan.format, plan.fraction, plan.val and plan.val.name) == (TRIANGLES, None, "val")
    data = open_data(config)
    assert data.line() == f"data: triangles, {labels}: 3 images to train on, 1 to validate"
    record = data.record()
    assert record is not None
    assert (record["format"], record["val"]) == ("triangles", ["d.png"])


@pytest.mark.parametrize("options", [[], ["--data.val-fraction", "0.34"]])
def test_it_is_checked(labels: Path, options: list[str]) -> None:
    ending = call("e2ec/__main__.py", "check", labels, "--out", "checked", *options)
    assert ending.status == 0 and "Nothing would stop training" in ending.out, ending
    numbers = json.loads(Path("checked/summary.json").read_text())
    images = {name: numbers[name]["images"] for name in numbers}
    assert images == ({"train": 2, "val": 1} if options else {"train": 3, "val": 1})
    assert Path("checked/labels-train.png").is_file()


READ = [target for target in get_args(ConversionTarget) if OUTPUT_FORMATS[target].reads]


@pytest.mark.parametrize("target", get_args(ConversionTarget))
def test_it_is_converted(labels: Path, target: ConversionTarget) -> None:
    packages = {"imagej": "roifile", "geo": "pyarrow"}
    extra = OUTPUT_FORMATS[target].extra
    if extra is not None:
        pytest.importorskip(packages[extra], reason=f"needs the extra {extra}")
    line = convert(ConvertOptions(labels, target, Path("out").absolute(), copy_images=True))
    count = 4 if target == "voc" else 5  # of two equal ones its masks show one
    assert f"3 images, {count} objects, 1 classes (triangles to {target})" in line
    if target in READ:
        (data,) = open_path(Path("out")).values()
        assert sum(len(data[i].instances) for i in range(len(data))) == count


def test_a_setting_of_another_format_is_refused(labels: Path) -> None:
    ending = call("e2ec/__main__.py", "check", labels, "--data.masks", "visible")
    assert ending.status == 1 and "format triangles, which has no visible masks" in ending.err


def test_names_in_the_settings_are_those_of_the_records() -> None:
    """And so are the settings that a format has of its own, which the reader takes."""
    names = [format.name for format in detect.FORMATS]
    assert sorted(names) == sorted(get_args(LabelFormat))
    assert {"auto", "synthetic", *names} == set(get_args(SettingsFormat))
    for format in detect.FORMATS:
        assert all(name in DataConfig.__dataclass_fields__ for name in format.settings)
        assert detect.format_named(format.name) is format
    assert {writer.name for writer in WRITERS} == set(get_args(ConversionTarget))
    assert {*READ} <= {*names}
    assert set(get_args(ConversionTarget)) <= {*OUTPUT_FORMATS}
    with pytest.raises(ValueError, match="nothing is no format"):
        detect.format_named("nothing")


def test_settings_import_no_reader() -> None:
    code = (
        "import e2ec.config, sys\n"
        "assert not [name for name in sys.modules if name.startswith('dataset.formats')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
