"""`python -m e2ec refine`: what is kept, what is refused, and what a stop leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from front_doors import ROOT, Ending, assert_one_line_error, assert_usage_error, call
from random_networks import random_network
from results_to_refine import HEIGHT, WIDTH, Case, write_case

from dataset.masks.run_lengths import decode_mask, run_lengths, runs_box
from e2ec.engine.predict.predictor import load_model
from e2ec.engine.weights.checkpoint import load_weights, save_weights

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path / "data")


def command(case: Case, *flags: str, **changes: object) -> Ending:
    return call("e2ec/__main__.py", "refine", *case.arguments(**changes), *flags)


def mask_of(segmentation: dict[str, Any]) -> np.ndarray:
    return decode_mask(run_lengths(segmentation["counts"], HEIGHT, WIDTH), HEIGHT, WIDTH)


@pytest.mark.parametrize("shuffled", [False, True])
def test_all_but_the_masks_is_kept_in_order(tmp_path: Path, shuffled: bool) -> None:
    case = write_case(tmp_path / "data", shuffled=shuffled)
    ending = command(case)
    assert ending.status == 0, ending
    refined = case.refined()
    assert len(refined) == len(case.entries)
    changed = 0
    for given, found in zip(case.entries, refined, strict=True):
        assert list(found) == list(given)
        assert given | {"segmentation": 0} == found | {"segmentation": 0}
        before, after = given["segmentation"], found["segmentation"]
        assert type(after) is type(before)
        if isinstance(before, dict):
            assert list(after) == list(before) and after["size"] == before["size"]
            assert type(after["counts"]) is type(before["counts"])
            assert mask_of(after).any()
        else:
            assert len(after) == len(before) and all(len(p) % 2 == 0 for p in after)
        changed += before != after
    assert changed > len(refined) / 2
    assert f"{changed} of {len(refined)} entries refined" in ending.out
    assert not case.part.exists()


def test_the_same_as_in_python(case: Case) -> None:
    """And every entry as if it were alone with its image."""
    assert command(case).status == 0
    model = load_model(case.folder / "sharp.safetensors", device="cpu")
    names = {
        image["id"]: case.folder / "images" / image["file_name"]
        for image in json.loads((case.folder / "images.json").read_text())["images"]
    }
    compared = 0
    for given, found in zip(case.entries, case.refined(), strict=True):
        if isinstance(given["segmentation"], dict):
            mask = mask_of(given["segmentation"])[None]
            alone = model.refine(names[given["image_id"]], mask)[0]
            assert (alone != mask_of(found["segmentation"])).sum() <= 1
            compared += 1
    assert compared == 12


def test_order_of_entries_changes_none_of_them(tmp_path: Path) -> None:
    """Grouped by image or not, each gets the same outline."""
    results = []
    for name, shuffled in (("a", False), ("b", True)):
        case = write_case(tmp_path / name, shuffled=shuffled)
        assert command(case).status == 0
        results.append({entry["score"]: entry for entry in case.refined()})
    assert list(results[0]) != list(results[1])
    for score, entry in results[0].items():
        if isinstance(entry["segmentation"], dict):
            other = mask_of(results[1][score]["segmentation"])
            assert (mask_of(entry["segmentation"]) != other).sum() <= 1


def test_a_box_follows_its_mask_and_a_detectors_stays(case: Case) -> None:
    entries = [entry for entry in case.entries if isinstance(entry["segmentation"], dict)]
    for number, entry in enumerate(entries):
        mask = mask_of(entry["segmentation"])
        x0, y0, x1, y1 = runs_box(
            run_lengths(entry["segmentation"]["counts"], HEIGHT, WIDTH), HEIGHT
        )
        entry["bbox"] = [x0, y0, x1 - x0, y1 - y0]
        entry["area"] = int(mask.sum())
        if number % 2:
            entry["bbox"] = [x0 - 0.5, float(y0), x1 - x0 + 1.0, float(y1 - y0)]
            entry["area"] = 17.5
    case.write(entries)
    assert command(case).status == 0
    moved = 0
    for number, (given, found) in enumerate(zip(entries, case.refined(), strict=True)):
        if number % 2:
            assert (found["bbox"], found["area"]) == (given["bbox"], given["area"])
            continue
        mask = mask_of(found["segmentation"])
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert found["bbox"] == [
            columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0],
        ]  # fmt: skip
        assert found["area"] == mask.sum()
        assert all(type(value) is int for value in (*found["bbox"], found["area"]))
        moved += found["bbox"] != given["bbox"]
    assert moved


def test_empty_masks_and_empty_results(case: Case) -> None:
    empty = {"image_id": 100, "segmentation": {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}}
    case.write([empty, case.entries[0], empty])
    assert command(case).status == 0
    assert case.refined()[0] == case.refined()[2] == empty
    case.write([])
    assert command(case).status == 0
    assert case.refined() == [] and not case.part.exists()


def test_polygons_that_cover_nothing(case: Case) -> None:
    """Tools write points of which less than three differ; other polygons move without them."""
    point, line = [5, 5, 5, 5, 5, 5], [5, 5, 9, 9, 5, 5, 5, 5]
    polygon = next(e for e in case.entries if isinstance(e["segmentation"], list))
    alone = {"image_id": polygon["image_id"], "segmentation": [point, line]}
    beside = {**polygon, "segmentation": [point, *polygon["segmentation"], line]}
    case.write([polygon, alone, beside])
    ending = command(case)
    assert ending.status == 0, ending
    first, second, third = case.refined()
    assert first != polygon and second == alone and third == first


def test_it_goes_on_from_any_state_to_the_same_bytes(tmp_path: Path) -> None:
    """A journal cut at any byte: in a line, behind one, before the first, after the last."""
    case = write_case(tmp_path / "data", images=8, shuffled=True)
    assert command(case).status == 0
    whole = case.out.read_bytes()
    case.out.unlink()
    (case.folder / "images" / "0.png").rename(case.folder / "away.png")
    # An image in the middle is missing: an honest journal is left behind.
    (case.folder / "images" / "0.png").write_bytes(b"")
    ending = command(case)
    assert_one_line_error(ending, "0.png")
    (case.folder / "away.png").replace(case.folder / "images" / "0.png")
    inputs = (case.part / "inputs.json").read_bytes()
    rng = np.random.default_rng(0)
    size = len(whole)
    for cut in (0, size - 2, size - 1, size, *rng.integers(size, size=4)):
        case.part.mkdir(exist_ok=True)
        (case.part / "inputs.json").write_bytes(inputs)
        (case.part / "results.json").write_bytes(whole[:cut])
        ending = command(case)
        assert ending.status == 0, ending
        assert case.out.read_bytes() == whole, cut
        assert not case.part.exists()
        lines = min(whole[:cut].count(b"\n"), len(case.entries))
        assert (f"{lines} were there from before" in ending.out) == (lines > 0)
        refined, left = map(int, re.findall(r"(\d+) of (\d+) entries refined", ending.out)[0])
        kept = sum(map(int, re.findall(r"(\d+) kept", ending.out)))
        assert refined + kept == left == len(case.entries) - lines
        case.out.unlink()


def test_killed_and_started_again(tmp_path: Path) -> None:
    """SIGKILL while entries are written; nothing stands at --out before all of it does."""
    case = write_case(tmp_path / "data", images=60, each=4)
    assert command(case, out=tmp_path / "whole.json").status == 0
    words = [sys.executable, "-m", "e2ec", "refine", *case.arguments()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = 0
    for lines in (1, 100):
        process = subprocess.Popen(
            words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            journal = case.part / "results.json"
            if journal.exists() and journal.read_bytes().count(b"\n") >= lines:
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        if process.wait(60) == -signal.SIGKILL:
            killed += 1
            assert not case.out.exists()
    assert killed
    assert command(case).status == 0
    assert case.out.read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert not case.part.exists()


def test_other_inputs_are_not_mixed(case: Case) -> None:
    (case.folder / "images" / "4.png").write_bytes(b"no image")
    assert_one_line_error(command(case), "4.png", "12 entries are done")
    journal = (case.part / "results.json").read_bytes()
    _, card = load_weights(case.folder / "sharp.safetensors")
    save_weights(
        case.folder / "other.safetensors", random_network(sharp="classify", vertices=16), card
    )
    assert_one_line_error(
        command(case, weights=case.folder / "other.safetensors"), "out.json.part", "weights", "anew"
    )
    case.write(case.entries[:-1])
    assert_one_line_error(command(case), "out.json.part", "results")
    assert (case.part / "results.json").read_bytes() == journal


def test_a_missing_image_ends_it_or_is_counted(case: Case) -> None:
    (case.folder / "images" / "2.png").unlink()
    (case.folder / "images" / "deep" / "3.png").write_bytes(b"no image")
    picture = np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8)
    assert cv2.imwrite(str(case.folder / "images" / "4.png"), picture)
    assert_one_line_error(command(case), "2.png", "entry 6", "--keep-unreadable")
    assert not case.out.exists()
    ending = command(case, "--keep-unreadable")
    assert ending.status == 0 and "9 kept, whose images cannot be used" in ending.out
    refined = case.refined()
    assert refined[6:15] == case.entries[6:15]
    assert refined[:6] != case.entries[:6] and refined[15:] != case.entries[15:]


def test_an_image_of_another_size(case: Case) -> None:
    picture = np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8)
    assert cv2.imwrite(str(case.folder / "images" / "4.png"), picture)
    assert_one_line_error(command(case), "4.png", "65 x 48", "64 x 48")
    document = json.loads((case.folder / "images.json").read_text())
    for image in document["images"]:
        del image["height"], image["width"]
    (case.folder / "images.json").write_text(json.dumps(document))
    ending = command(case, out=case.folder / "second.json")
    assert_one_line_error(ending, "results.json: entry 1", "64 x 48", "65 x 48")


def damaged(case: Case, **changes: Any) -> list[dict[str, Any]]:
    return [*case.entries[:4], {**case.entries[4], **changes}, *case.entries[5:]]


DAMAGES: dict[str, Any] = {
    "no segmentation": ({}, "segmentation", "no \"segmentation\""),
    "no polygons": ([], "segmentation", "no \"segmentation\""),
    "text": ("mask", "segmentation", "must be polygons or run lengths"),
    "other size": ({"size": [9, 9], "counts": [81]}, "segmentation", "9 x 9"),
    "no size": ({"counts": [81]}, "segmentation", "size"),
    "huge": ({"size": [10**9, 10**9], "counts": [10**18]}, "segmentation", "size"),
    "true size": ({"size": [True, True], "counts": [1]}, "segmentation", "size"),
    "short counts": ({"size": [48, 64], "counts": [5]}, "segmentation", "run lengths"),
    "bad text": ({"size": [48, 64], "counts": "~~~~\x01"}, "segmentation", "run lengths"),
    "odd text": ({"size": [48, 64], "counts": "é"}, "segmentation", "run lengths"),
    "no counts": ({"size": [48, 64]}, "segmentation", "run lengths"),
    "NaN": ([[1, 2, float("nan"), 4, 5, 6]], "segmentation", "finite"),
    "far": ([[1, 2, 1e300, 4, 5, 6]], "segmentation", "beyond"),
    "two points": ([[1, 2, 3, 4]], "segmentation", "three x, y pairs"),
    "odd": ([[1, 2, 3, 4, 5, 6, 7]], "segmentation", "three x, y pairs"),
    "words": ([[1, 2, 3, 4, 5, "6"]], "segmentation", "numbers"),
    "not flat": ([[[1, 2], [3, 4], [5, 6]] * 2], "segmentation", "numbers"),
    "a million points": ([[0.5] * 2_000_000], "segmentation", "1000000 points"),
    "unknown image": (17, "image_id", "image_id 17 is not in the annotations"),
    "no image": (None, "image_id", "image_id"),
    "list as image": ([1], "image_id", "image_id"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_entry_is_named(case: Case, name: str) -> None:
    value, field, said = DAMAGES[name]
    case.write(damaged(case, **{field: value}))
    assert_one_line_error(command(case), "results.json: entry 4", said)
    assert not case.out.exists() and not case.part.exists()


def test_damaged_files(case: Case) -> None:
    results = case.folder / "results.json"
    whole = results.read_text()
    for text, said in (
        ("{}", "not a list"), ("3", "Expecting '['"), ("", "not valid JSON"),
        (whole[:-200], "not valid JSON"),
        (whole + "]", "Extra data"), ("[1]", "entry 0"), ("[[]]", "entry 0"),
    ):  # fmt: skip
        results.write_text(text)
        assert_one_line_error(command(case), "results.json", said)
        assert not case.out.exists() and not case.part.exists()
    results.write_bytes(b'[{"image_id": "\xff"}]')
    assert_one_line_error(command(case), "not UTF-8")
    results.unlink()
    assert_one_line_error(command(case), "results.json", "cannot be read")
    results.write_text(whole)
    listed = case.folder / "images.json"
    for document, said in (
        ([], "Expecting '{'"), ({}, 'no list "images"'), ({"images": [3]}, 'no "id"'),
        ({"images": [{"id": 1, "file_name": "../a.png"}]}, "'../a.png'"),
        ({"images": [{"id": 1, "file_name": "a.png"}] * 2}, "twice"),
    ):  # fmt: skip
        listed.write_text(json.dumps(document))
        assert_one_line_error(command(case), "images.json", said)
    assert_one_line_error(command(case, images=case.folder / "none"), "none: no such folder")


def test_weights_that_refine_nothing(case: Case) -> None:
    _, card = load_weights(case.folder / "sharp.safetensors")
    plain = case.folder / "plain.safetensors"
    save_weights(plain, random_network(), card)
    assert_one_line_error(command(case, weights=plain), "plain.safetensors", "no stage sharp")
    assert not case.part.exists()


def test_usage(case: Case) -> None:
    assert_usage_error(command(case, out=case.folder / "results.json"), "--out is one of")
    assert_usage_error(call("e2ec/__main__.py", "refine"), "--results")
