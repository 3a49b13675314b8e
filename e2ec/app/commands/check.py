"""`python -m e2ec check PRESET-OR-PATH`: problems of data, its numbers, and pictures of labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path

from dataset.checks.check import Findings, check_dataset, label_index
from dataset.checks.problems import Action, Problem
from dataset.index.summary import format_summaries, summarise
from dataset.loading.loader import EpochSampler, TrainingDataset
from dataset.loading.sample import InstanceDataset
from e2ec.app.commands.check_data import open_preset, open_target
from e2ec.app.commands.check_options import CheckOptions
from e2ec.app.commands.check_sizes import check_sizes, settings_of_run, sizes_text
from e2ec.config import Config
from e2ec.families.find_family import family_of
from lib.errors import InputError
from lib.files import atomic_write_json, atomic_write_text
from lib.images import write_image

_CONSEQUENCES: dict[Action, str] = {
    "stops": "training stops there",
    "left out": "left out of training",
    "clipped": "clipped to the image",
    "kept": "kept as it is",
}


def check(config: Config, options: CheckOptions) -> tuple[str, int]:
    """Check data; writes problems.json, problems.csv, summary.json and pictures.

    Returns:
        The text to print, and the number of problems that would stop training.

    Raises:
        InputError: the data cannot be read at all, or the folder cannot be written.
    """
    # An unwritable folder is found before the work, not after it.
    atomic_write_json(options.out / "config.json", config.to_dict(), indent=1)
    findings = Findings()
    if options.preset:
        data = open_preset(config, findings)
    else:
        data = open_target(config, options.target, options.format, options.images, findings)
    splits = data.splits
    for dataset in {_place(dataset): dataset for dataset in splits.values()}.values():
        check_dataset(dataset, findings, decode=not options.fast, progress=True)
    config, chosen = settings_of_run(config, data.trained)
    if options.preset:
        _check_run(config, splits, findings)
    sizes = check_sizes(config, data.trained, findings)
    summaries = {name: summarise(label_index(dataset)) for name, dataset in splits.items()}
    numbers = {name: summary.to_dict() for name, summary in summaries.items()}
    atomic_write_json(options.out / "summary.json", numbers, indent=1)
    if sizes is not None:
        atomic_write_json(options.out / "sizes.json", asdict(sizes), indent=1)
    _write_problems(findings, options)
    pictures = _write_pictures(config, options, splits)
    sections = [
        data.line,
        format_problems(findings, options.show, options.out),
        format_summaries(summaries),
        sizes_text(sizes, chosen),
        "\n".join(f"labels as the network sees them: {path}" for path in pictures),
        _verdict(findings),
    ]
    return "\n\n".join(section for section in sections if section), findings.stopping


def format_problems(findings: Findings, show: int, out: Path) -> str:
    """The problems by kind, the first `show` of each in full; `out` is where all of them are."""
    blocks = []
    for (kind, action), problems in findings.by_kind().items():
        lines = [f"{kind}: {len(problems):,}, {_CONSEQUENCES[action]}"]
        # A file name may hold anything, line ends too.
        lines += [f"  {' '.join(problem.line().split())}" for problem in problems[:show]]
        if len(problems) > show:
            lines.append(f"  ... and {len(problems) - show:,} more, in {out / 'problems.csv'}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _place(dataset: InstanceDataset) -> object:
    """What two splits have in common when checking one of them is enough."""
    return getattr(dataset, "folder", None), dataset.source, dataset.image_ids


def _check_run(config: Config, splits: Mapping[str, InstanceDataset], findings: Findings) -> None:
    """What training refuses although every image and label by itself is right."""
    train, val = splits["train"], splits["val"]
    if (train.class_names, train.category_ids) != (val.class_names, val.category_ids):
        what = f"its categories differ from those of {train.source}"
        remedy = "give both the same list"
        findings(Problem(val.source, "", "categories differ", what, "stops", remedy))
    for dataset in (train, val):
        if not dataset.labelled:
            what, remedy = "has images but no labels", "give labelled data"
            findings(Problem(dataset.source, "", "no labels", what, "stops", remedy))
    try:
        EpochSampler(
            len(train), batch_size=config.train.batch_size // config.train.accumulate, seed=0
        )
    except InputError as error:
        findings(Problem(train.source, "", "few images", str(error), "stops"))


def _write_problems(findings: Findings, options: CheckOptions) -> None:
    names = [field.name for field in fields(Problem)]
    rows = [asdict(problem) for problem in findings.problems]
    text = io.StringIO()
    table = csv.DictWriter(text, names)
    table.writeheader()
    table.writerows(rows)
    atomic_write_text(options.out / "problems.csv", text.getvalue())
    counts = [
        {"kind": kind, "action": action, "count": len(problems)}
        for (kind, action), problems in findings.by_kind().items()
    ]
    document = {"target": options.target, "stops": findings.stopping, "kinds": counts}
    atomic_write_json(options.out / "problems.json", {**document, "problems": rows}, indent=1)


def _write_pictures(
    config: Config, options: CheckOptions, splits: Mapping[str, InstanceDataset]
) -> list[Path]:
    written = []
    for name, dataset in splits.items():
        if options.examples == 0 or not dataset.labelled:
            continue
        family = family_of(config)
        make_example = family.example_maker(config, len(dataset.class_names))
        examples = TrainingDataset(dataset, make_example, seed=config.train.seed)
        sheet = family.label_sheet(config, examples, title=name, count=options.examples)
        if sheet is not None:
            written.append(options.out / f"labels-{name}.png")
            write_image(written[-1], sheet)
    return written


def _verdict(findings: Findings) -> str:
    """The last line: whether training would run through."""
    stopping, rest = findings.stopping, len(findings.problems) - findings.stopping
    if stopping:
        return f"{_problems(stopping)} would stop training, {rest:,} would not."
    found = f"{_problems(rest)} found that it goes on with" if rest else "no problems found"
    return f"Nothing would stop training: {found}."


def _problems(count: int) -> str:
    return f"{count:,} problem{'' if count == 1 else 's'}"
