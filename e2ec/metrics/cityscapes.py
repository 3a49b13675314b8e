"""The official instance evaluation of Cityscapes, by cityscapesscripts, fed with COCO results.

Average precision over IoU 0.50:0.05:0.95, counted by Cityscapes' own rules (Cordts et al., CVPR
2016): instances below 100 pixels are ignored, as is what lies on void or on groups. Its script is
meant to be started in a folder and to find its files by environment variables, and keeps a file in
its own package; here its functions are called one by one, with all files in a folder of the caller.
"""

from __future__ import annotations

import copy
import hashlib
import io
import math
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np
from cityscapesscripts.evaluation import evalInstanceLevelSemanticLabeling as official
from tqdm import tqdm

from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.results.submission import cityscapes_files
from lib.errors import InputError
from lib.files import atomic_write_json, read_json
from lib.images import image_size

Metrics = dict[str, float | None]


def evaluate_cityscapes(
    results: Sequence[Mapping[str, Any]],
    images: Sequence[Mapping[str, Any]],
    instance_ids: Mapping[int, str | Path],
    work: str | Path,
    *,
    results_name: str = "results",
    progress: bool = False,
) -> Metrics:
    """Cityscapes' own metrics of COCO results.

    Every image counts, with results or without.

    Args:
        results: COCO results: image_id, category_id, score, segmentation (polygons or run lengths).
            Category ids are Cityscapes' class ids, 24 to 33 without caravan and trailer.
        images: COCO image entries (id, file_name, width, height) of the images to evaluate.
        instance_ids: path of *_gtFine_instanceIds.png by image id.
        work: a folder for the files that the evaluation reads; made where it does not exist. What
            was counted in the ground truth stays there and serves until that changes; the masks of
            the results are removed again.
        results_name: the results' file, for messages.
        progress: show a bar: 500 images take minutes.

    Returns:
        "official/AP", "official/AP50" and "official/AP/<class>" for each of the eight classes, 0
        to 1; None where no ground truth of the class, or of any, exists.

    Raises:
        InputError: an image, a label file or a result is unusable, or the folder cannot be written.
    """
    categories = [{"id": x.id} for x in official.labels if x.hasInstances and not x.ignoreInEval]
    ground_truth = {"images": list(images), "annotations": [], "categories": categories}
    inputs = prepare_inputs(ground_truth, results, results_name=results_name)
    paths = {key: _checked_labels(instance_ids, key, size) for key, size in inputs.sizes.items()}
    # The evaluator's settings are global. Of the paths in this copy one is used, and set below.
    args = copy.copy(official.args)
    args.quiet, args.JSONOutput = True, False
    official.setInstanceLabels(args)
    with _temporary_folder(work) as predictions:
        instances = _ground_truth_instances(list(paths.values()), Path(predictions).parent)
        args.predictionPath = predictions
        matches = _matches(inputs.detections, images, paths, instances, args, progress=progress)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means over no class at all
        averages = official.computeAverages(_precisions(matches, args), args)
    values = {"AP": averages["allAp"], "AP50": averages["allAp50%"]}
    values |= {f"AP/{name}": entry["ap"] for name, entry in averages["classes"].items()}
    return {f"official/{k}": None if math.isnan(v) else float(v) for k, v in values.items()}


def _checked_labels(
    instance_ids: Mapping[int, str | Path], image_id: int, size: tuple[int, int]
) -> str:
    """Absolute path of an image's labels, which are as large as the image."""
    if image_id not in instance_ids:
        raise InputError(f"image {image_id}: has no *_gtFine_instanceIds.png to evaluate against")
    path = Path(instance_ids[image_id]).absolute()
    if image_size(path) != size:
        raise InputError(
            f"{path}: labels of another size than image {image_id}, (height, width) {size}; "
            "use the image that was labelled"
        )
    return str(path)


def _temporary_folder(work: str | Path) -> tempfile.TemporaryDirectory[str]:
    """A new folder inside of `work`, by absolute path, that is removed again."""
    try:
        Path(work).mkdir(parents=True, exist_ok=True)
        # The evaluator compares paths as text, so no ".." may stand in this one.
        return tempfile.TemporaryDirectory(prefix="predictions-", dir=os.path.abspath(work))
    except OSError as error:
        raise InputError(
            f"{work}: cannot be written ({error.strerror or error}); choose a writable folder"
        ) from error


def _ground_truth_instances(paths: list[str], folder: Path) -> dict[str, Any]:
    """The evaluator's table of all instances, by absolute path of their image, from a cache.

    The evaluator never notices that labels changed; the cache's name depends on them here.
    """
    state = [(path, (s := Path(path).stat()).st_size, s.st_mtime_ns) for path in paths]
    key = hashlib.sha256(repr(state).encode()).hexdigest()[:16]
    cache = folder / f"gtInstances-{key}.json"
    if not cache.is_file():
        instances: dict[str, Any] = {}
        for path in paths:
            with _naming(path):
                instances.update(official.instances2dict([path]))
        atomic_write_json(cache, instances)
    return read_json(cache)


def _matches(
    detections: Sequence[Mapping[str, Any]],
    images: Sequence[Mapping[str, Any]],
    paths: Mapping[int, str],
    instances: dict[str, Any],
    args: Any,
    *,
    progress: bool,
) -> dict[str, Any]:
    """The evaluator's matches of all images; its input files are written to args.predictionPath."""
    folder = Path(args.predictionPath)
    matches: dict[str, Any] = {}
    labels = iter(paths.values())
    files = cityscapes_files(detections, images)
    with tqdm(total=len(paths), desc="official", unit="image", disable=not progress) as bar:
        for name, data in files:
            _write(folder / name, data)
            if name.endswith(".txt"):  # the last file of an image
                path = next(labels)
                with _naming(path):
                    matches |= official.matchGtWithPreds([folder / name], [path], instances, args)
                bar.update()
    return matches


def _precisions(matches: dict[str, Any], args: Any) -> np.ndarray:
    """Average precision (1, classes, IoU thresholds), NaN where a class has no ground truth."""
    values = np.zeros((1, len(args.instLabels), len(args.overlaps)))
    single = copy.copy(args)
    for row, name in enumerate(args.instLabels):
        for column, threshold in enumerate(args.overlaps):
            single.instLabels, single.overlaps = [name], [threshold]
            # It stumbles where all results of a class are ignored and all objects missed: 0.
            with suppress(IndexError):
                values[0, row, column] = official.evaluateMatches(matches, single)[0, 0, 0]
    return values


def _write(path: Path, data: bytes) -> None:
    # Not through lib.files: they are temporary, and waiting for the disk 50,000 times takes long.
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Turn the evaluator's ways of giving up into an error that names the label file.

    It prints a line and ends the process, or stumbles over what it did not expect.
    """
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # np.in1d
            yield
    except (SystemExit, OSError, SyntaxError, LookupError, ValueError) as error:
        reason = " ".join(printed.getvalue().split()) or f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path}: the official evaluation cannot use it ({reason}); use the original file"
        ) from error
