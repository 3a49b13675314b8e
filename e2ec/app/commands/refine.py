"""`python -m e2ec refine`: the masks of COCO results moved to the boundaries in the images."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from e2ec.app.commands.refine_options import RefineOptions
from e2ec.app.refine.image_files import read_image_files
from e2ec.app.refine.journal import Journal
from e2ec.app.refine.refine_file import Counts, check_results, refine_file
from e2ec.engine.predict.predictor import load_model
from e2ec.families.bundled import BUNDLED_WEIGHTS
from lib.errors import InputError
from lib.files import file_digest


def refine(options: RefineOptions) -> str:
    """Refine a results file, or go on with one, and say what became of its entries.

    Raises:
        InputError: the results, the annotations, an image or the weights cannot be used, or nothing
            can be written. What has been refined stays for the next time.
    """
    start = time.perf_counter()
    model = load_model(options.weights, device=options.device, precision=options.precision)
    try:
        # Nothing to refine: a model that never can says so now.
        model.refine(np.zeros((1, 1, 3), np.uint8), [])
    except InputError as error:
        raise InputError(f"{options.weights or 'the bundled model'}: {error}") from error
    if not options.images.is_dir():
        raise InputError(f"{options.images}: no such folder; name the folder of the images")
    files = read_image_files(options.annotations, options.images)
    with Journal(options.out, _inputs(options, str(model.device))) as journal:
        before = journal.done
        if journal.total is None:
            journal.begin(check_results(options.results, files, missing=options.keep_unreadable))
        counts = refine_file(
            options.results, files, model, journal, keep_unreadable=options.keep_unreadable
        )
        journal.finish()
    return _summary(options.out, journal.done, before, counts, time.perf_counter() - start)


def _inputs(options: RefineOptions, device: str) -> dict[str, str]:
    """What the results depend on, by what messages call it. Images are taken for the same."""
    return {
        "results": file_digest(options.results),
        "annotations": file_digest(options.annotations),
        "weights": file_digest(options.weights or BUNDLED_WEIGHTS),
        "images": str(options.images.absolute()),
        "device": device,
        "precision": options.precision,
    }


def _summary(out: Path, total: int, before: int, counts: Counts, seconds: float) -> str:
    facts = [f"{counts.refined} of {total - before} entries refined in {seconds:.1f} s"]
    if counts.unmoved:
        facts.append(f"{counts.unmoved} kept, where nothing moved")
    if counts.unreadable:
        facts.append(f"{counts.unreadable} kept, whose images cannot be used")
    if before:
        facts.append(f"{before} were there from before")
    return f"{out}: {'; '.join(facts)}"
