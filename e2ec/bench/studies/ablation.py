"""The paper's ablation, and more, with the same short budget for every row.

    python -m e2ec bench ablation --data nuclei --root /data/nuclei --table table1 --record

A run is a folder of `train.py`, which evaluates every stage once at its end and writes it to
metrics.json. Runs that have ended are not repeated, stopped ones are continued, and rows with the
same options share theirs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from e2ec.bench.studies import boundary_study
from e2ec.bench.studies.ablation_options import AblationOptions
from e2ec.bench.studies.ablation_results import KeptResults
from e2ec.bench.studies.ablation_rows import TABLES, Row, runs_of, words_of
from e2ec.bench.studies.ablation_table import Found, record, stage_table, to_markdown
from e2ec.bench.studies.center_iou import center_iou
from e2ec.bench.studies.early_exit import milliseconds_by_stage
from lib.errors import InputError
from lib.files import atomic_write_json, atomic_write_text, read_json

TEST = boundary_study.TRAIN.with_name("test.py")
SAID = "ablation.json"
"""In a run's folder: the options that it has, besides those of where the data lies."""
CENTERS = "center_iou.json"
"""In a run's folder: what `center_iou` found."""


def ablation(options: AblationOptions) -> str:
    """Train what is missing; returns the tables.

    Raises:
        InputError: data are missing, a training failed or was stopped, or what was trained before
            had another budget.
    """
    rows = [row for row in TABLES[options.table] if row.name in options.rows or not options.rows]
    kept = KeptResults(options.results)
    found: dict[str, list[Found]] = {row.name: [] for row in rows}
    for seed in range(options.seeds):
        for row in rows:
            one = kept_or_run(row, seed, options, kept)
            found[row.name] += [] if one is None else [one]
    text = to_markdown([row for row in rows if found[row.name]], found)
    folder = options.out / options.data
    if options.times:
        first = next(row for row in rows if row.tests is None)
        run_row(first, 0, options)  # its weights may be gone where its results were kept
        weights = _weights(folder / f"{runs_of(first)}-0")
        stages = milliseconds_by_stage(weights, *boundary_study.run_data(weights.parents[1]))
        text += "\n\n" + stage_table(stages)
    atomic_write_text(folder / f"{options.table}.md", text + "\n")
    if options.record:
        record(text, options)
    return text


def kept_or_run(row: Row, seed: int, options: AblationOptions, kept: KeptResults) -> Found | None:
    """What `run_row` gives, unless it is known already; None where nothing else is asked for."""
    name = f"{options.data}/{runs_of(row)}-{seed}"
    words = [*options.budget(), *words_of(row, options.length)]
    known = kept.get(name, words)
    if options.known:
        return known
    run = options.out / options.data / f"{runs_of(row)}-{seed}"
    if known is None:
        known = run_row(row, seed, options)
        kept.add(name, words, known)
    elif row.tests is None and len(next(iter(known.values()))) < 3 and _weights(run).is_file():
        known = with_center_iou(known, run)  # from before it was measured
        kept.add(name, words, known)
    return known


def run_row(row: Row, seed: int, options: AblationOptions) -> Found:
    """AP and boundary AP of one run by stage, %; trained or evaluated unless that was done before.

    Raises:
        InputError: see `ablation`.
    """
    run = options.out / options.data / f"{runs_of(row)}-{seed}"
    words = [*options.budget(), *words_of(row, options.length)]
    if row.tests is not None:
        return _tested(row, seed, run, words, options)
    check_budget(run, words)
    if not is_finished(run, options.length):
        atomic_write_json(run / SAID, words)
        seeded = [*words, *data_words(options), "--train.seed", str(seed)]
        boundary_study.train(run, seeded)
        # Only going on needs it.
        (run / "last" / "state.pt").unlink(missing_ok=True)
        if not is_finished(run, options.length):
            raise InputError(f"{run}: the training ended without an evaluation of every stage")
    return with_center_iou(stage_values(read_json(run / "metrics.json")["latest"]), run)


def with_center_iou(found: Found, run: Path) -> Found:
    """What a run found, with a third number: what `center_iou` says of its weights."""
    if not (run / CENTERS).is_file():
        atomic_write_json(run / CENTERS, center_iou(_weights(run), boundary_study.run_data(run)[1]))
    ious = read_json(run / CENTERS)
    # The stage sharp is made on demand, and is not measured there.
    third = {stage: (ious[stage],) if stage in ious else () for stage in found}
    return {stage: (*values[:2], *third[stage]) for stage, values in found.items()}


def _tested(
    row: Row, seed: int, run: Path, words: Sequence[str], options: AblationOptions
) -> Found:
    """The same of weights of another row, evaluated with the row's options."""
    trained = next(one for one in TABLES[options.table] if one.name == row.tests)
    run_row(trained, seed, options)
    check_budget(run, words)
    if not (run / "metrics.json").is_file():
        weights = _weights(run.with_name(f"{runs_of(trained)}-{seed}"))
        atomic_write_json(run / SAID, list(words))
        own = [*data_words(options), "--weights", str(weights), "--out", str(run)]
        own += ["--eval.iou-types", "segm", "boundary", "--train.seed", str(seed)]
        command = [sys.executable, str(TEST), *words, *own]
        if status := subprocess.run(command, check=False).returncode:
            raise InputError(f"{run}: the evaluation ended with status {status}; see above")
    return stage_values(read_json(run / "metrics.json")["metrics"])


def _weights(run: Path) -> Path:
    """The weights at the end of a training."""
    return run.resolve() / "last" / "weights.safetensors"


def data_words(options: AblationOptions) -> list[str]:
    """What `train.py` is told of where the data lies; classes of COCO's are merged on the way."""
    if options.root is None:
        return []
    if options.data != "coco_mini":
        return ["--data.root", str(options.root.resolve())]
    root, where = options.root.resolve(), options.out / options.data
    study = boundary_study.StudyOptions("coco", root=root, out=where)
    words = ["--data.format", "coco", "--data.root", str(boundary_study.merged_classes(study))]
    for split in ("train", "val"):
        words += [f"--data.{split}-images", str(root / f"{split}2017")]
        words += [f"--data.{split}-annotations", f"instances_{split}2017.json"]
    return words


def check_budget(run: Path, words: Sequence[str]) -> None:
    """Raise InputError where a run was made with other options."""
    path = run / SAID
    if path.is_file() and (said := read_json(path)) != list(words):
        other = next((one for one in said if one not in words), "fewer options")
        raise InputError(f"{run}: was made with other options ({other}); choose another --out")


def is_finished(run: Path, epochs: int) -> bool:
    """Whether a run has been trained for all epochs and says the AP of every stage."""
    try:
        metrics = json.loads((run / "metrics.json").read_text())
    except FileNotFoundError:
        return False
    history = metrics["history"]
    ended = bool(history) and history[-1]["epoch"] >= epochs and "metrics" in history[-1]
    return ended and (run / "weights.safetensors").is_file()


def stage_values(metrics: dict[str, float | None]) -> Found:
    """AP and boundary AP by stage, %, in their order, of what an evaluation wrote."""
    stages = [key.removeprefix("stages/") for key in metrics if key.startswith("stages/")]
    return {
        stage: tuple(
            100 * (metrics[f"{key}/{stage}"] or 0) for key in ("stages", "stages_boundary")
        )
        for stage in stages
    }
