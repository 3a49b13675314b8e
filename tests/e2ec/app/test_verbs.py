"""The command `e2ec`: its verbs, its help, and the same verbs as functions of Python."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from front_doors import ROOT, TINY, assert_usage_error, call, coco_folder

import e2ec
from e2ec.app.commands.train_options import parse_train
from e2ec.app.words import words

pytestmark = pytest.mark.usefixtures("elsewhere")
ENTRY = "e2ec/__main__.py"
VERBS = {"train", "test", "predict", "demo", "convert", "check", "bench", "card", "refine"}
# Help of all verbs, and what that loads.
HELP = """
import sys
from e2ec.__main__ import entry
for verb in sys.argv[1].split():
    sys.argv = ["/usr/bin/e2ec", *([verb] if verb != "-" else []), "--help"]
    try:
        status = entry()
    except SystemExit as end:
        status = end.code
    assert status == 0, verb
    print("END", verb, *sorted({"torch", "tyro", "numpy", "cv2"} & set(sys.modules)))
"""


def test_help_lists_the_verbs_and_loads_nothing() -> None:
    """In groups, each verb once; a verb's help comes without torch and OpenCV."""
    names = ["-", *sorted(VERBS)]
    done = subprocess.run(
        [sys.executable, "-c", HELP, " ".join(names)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    texts = re.split(r"^END .*\n", done.stdout, flags=re.MULTILINE)
    loaded = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("END ")]
    assert [words[0] for words in loaded] == names
    assert loaded[0] == ["-"]
    for verb, *modules in loaded:
        assert not {"torch", "cv2"} & set(modules), verb
    listed = re.findall(r"^  ([a-z]+) +(\S.*)$", texts[0], flags=re.MULTILINE)
    assert len(listed) == len(dict(listed)) and set(dict(listed)) >= VERBS
    assert texts[0].startswith("usage: e2ec VERB ...") and "demo" in texts[0].splitlines()[-1]
    for verb, text in zip(names[1:], texts[1:], strict=False):
        assert re.match(rf"usage: (e2ec|python -m e2ec) {verb}\b", text), verb


def test_the_verbs_are_a_console_script() -> None:
    line = re.search(
        r'^\[project.scripts\]\ne2ec = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.M
    )
    assert line is not None
    module, function = line[1].split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_wrong_verbs() -> None:
    assert_usage_error(call(ENTRY, "trian"), "did you mean 'train'?")
    assert call(ENTRY).status == 2 and "usage: python -m e2ec VERB" in call(ENTRY).out
    assert call(ENTRY, "--version").out.startswith("e2ec")


@pytest.mark.parametrize("verb", ["train", "test", "demo"])
def test_front_doors_are_the_verbs(verb: str) -> None:
    """The same help but for the name, and the same errors."""
    words = [] if verb == "demo" else ["synthetic"]
    door, command = (
        call(*program, *words, "--help") for program in ((f"{verb}.py",), (ENTRY, verb))
    )
    assert door.status == command.status == 0

    def told(text: str) -> str:
        return re.sub(r"\s+", "", re.sub(r"^usage: .*\n", "", text))

    assert told(door.out) == told(command.out) and len(told(door.out)) > 1000
    wrong = call(ENTRY, verb, *words, "--no-such-thing", "1")
    assert wrong.status == call(f"{verb}.py", *words, "--no-such-thing", "1").status == 2


def test_settings_as_words() -> None:
    """Worked out by hand: flags, numbers, none, several values, sections in both ways."""
    given = {
        "data.root": Path("/d"), "train": {"epochs": 3, "batch_size": 2}, "resume": True,
        "data.cache_images": False, "eval.stage": None, "data.augmentation.crop_size": (64, 64),
        "eval.iou_types": ["segm"],
    }  # fmt: skip
    assert words(given) == [
        "--data.root", "/d", "--train.epochs", "3", "--train.batch-size", "2", "--resume",
        "--data.no-cache-images", "--eval.stage", "None", "--data.augmentation.crop-size", "64",
        "64", "--eval.iou-types", "segm",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"data\.view"):
        words({"data.view": object()})


def test_training_is_asked_for_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same settings reach the run, those that are chosen from the data included."""
    seen: list[Any] = []
    monkeypatch.setattr("e2ec.engine.train.run.train", seen.append)
    changes = {"data.root": "/d", "model.architecture": "nano", "train": {"epochs": 7}}
    folder = e2ec.train("custom", changes, name="mine", device="cpu")
    typed = (
        "custom --data.root /d --model.architecture nano --train.epochs 7 --name mine --device cpu"
    )
    assert call(ENTRY, "train", *typed.split()).status == 0
    assert call("train.py", *typed.split()).status == 0
    assert seen[0] == seen[1] == seen[2] == parse_train(typed.split())
    assert folder == Path("runs/mine")
    assert "train.epochs" not in seen[0].auto and "optim.lr" in seen[0].auto
    complete = replace(seen[0], name="other")
    assert e2ec.train(complete) == Path("runs/other") and seen[3] is complete
    with pytest.raises(ValueError, match="complete settings"):
        e2ec.train(complete, {"train.epochs": 1})


def test_evaluation_gives_the_same(weights: Path) -> None:
    settings = {
        "data": {"synthetic_train": 4, "synthetic_val": 2, "workers": 0},
        "eval": {"iou_types": "segm", "max_detections": 5},
    }
    done = e2ec.test("synthetic", settings, weights=weights, out="python", device="cpu")
    ending = call(ENTRY, "test", *TINY, "--weights", weights, "--out", "command")
    assert ending.status == 0, ending
    metrics = [json.loads(Path(f"{out}/metrics.json").read_text()) for out in ("python", "command")]
    assert metrics[0] == metrics[1] and done.metrics == metrics[0]["metrics"]
    assert done.out == Path("python") and done.text.splitlines()[0] in ending.out
    assert Path("python/results.json").read_bytes() == Path("command/results.json").read_bytes()


def test_checking_and_converting_give_the_same(tmp_path: Path) -> None:
    """`e2ec.convert` is a package too: it can be called before and after that is imported."""
    labels = coco_folder(tmp_path / "data") / "instances_train.json"
    images = tmp_path / "data" / "images"
    text = e2ec.convert(labels, "yolo", "python", images=images)
    importlib.import_module("e2ec.convert.convert")
    again = e2ec.convert(labels, "yolo", "again", images=str(images))
    words = ["--source", labels, "--to", "yolo", "--out", "command", "--images", images]
    ending = call(ENTRY, "convert", *words)
    assert ending.status == 0, ending
    assert (
        text.replace("python", "command") == again.replace("again", "command") == ending.out.strip()
    )
    files = [
        {path.relative_to(out): path.read_bytes() for path in Path(out).rglob("*.txt")}
        for out in ("python", "again", "command")
    ]
    assert files[0] == files[1] == files[2] != {}
    checked = e2ec.check(labels, images=images, examples=0, fast=True, out="c")
    ending = call(
        ENTRY, "check", labels, "--images", images, "--examples", 0, "--fast", "--out", "c"
    )
    assert (checked.text, checked.stopping) == (ending.out.rstrip("\n"), ending.status)


@pytest.mark.parametrize(
    ("call_it", "said"),
    [
        (lambda: e2ec.train("nuclie"), "did you mean 'nuclei'"),
        (lambda: e2ec.train("nuclei", {"optim.lrr": 1}), "optim.lrr"),
        (lambda: e2ec.train("nuclei", {"train.epochs": "many"}), "many"),
        (lambda: e2ec.test("nuclei", weights="a", results="b"), "leave out --weights"),
        (lambda: e2ec.predict("x", to="labelm"), "did you mean 'labelme'"),
        (lambda: e2ec.predict("x", scor=1), "did you mean 'score'"),
        (lambda: e2ec.predict("x", score=2.0), "--score must lie"),
        (lambda: e2ec.demo(zoom=-1.0), "--zoom must be positive"),
        (lambda: e2ec.convert("x", "yolo", "y", val_fraction=3.0), "--val-fraction"),
        (lambda: e2ec.refine("x"), "images"),
        (lambda: e2ec.check("nuclei", examples=-1), "--examples must be"),
    ],
)
def test_wrong_options_are_value_errors(
    call_it: Any, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the message that the command has, in one line, and nothing printed."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        call_it()
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_bad_input_stays_bad_input() -> None:
    with pytest.raises(e2ec.InputError, match="no such file or folder"):
        e2ec.predict("nowhere")
