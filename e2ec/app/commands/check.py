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
<<<<<<< HEAD
from e2ec.config import Config
from e2ec.families.family import family_of
=======
from e2ec.app.commands.command_line import misspelt, parse_config
from e2ec.app.commands.typed_options import keep_typed
from e2ec.config import Config
from e2ec.config import LabelFormat as Format
from e2ec.presets import load_preset, preset_names
from e2ec.results.draw.contact_sheet import contact_sheet
>>>>>>> h_formats
from lib.errors import InputError
from lib.files import atomic_write_json, atomic_write_text
from lib.images import write_image

<<<<<<< HEAD
=======
PROGRAM = "python -m e2ec check"
_OPTIONS = ("--images", "--format", "--out", "--show", "--fast", "--examples", "--help")
# Settings of a preset that name the data or a part of it, which a path does by itself.
_PRESET_ONLY = (
    *("--data.format", "--data.root", "--data.image-ids"),
    *(f"--data.{s}-{what}" for s in ("train", "val", "test") for what in ("images", "annotations")),
    *("--data.train-limit", "--data.val-limit"),
    *(f"--data.synthetic-{what}" for what in ("train", "val", "occluders")),
)
>>>>>>> h_formats
_CONSEQUENCES: dict[Action, str] = {
    "stops": "training stops there",
    "left out": "left out of training",
    "clipped": "clipped to the image",
    "kept": "kept as it is",
}


<<<<<<< HEAD
=======
@dataclass(frozen=True)
class CheckOptions:
    """What `check` takes besides settings.

    Attributes:
        target: name of a preset, or a path.
        preset: whether it is a preset.
        images: folder of the images, for a path.
        format: format of the labels, for a path; found out without.
        out: folder for problems, numbers and pictures.
        show: problems of a kind that are printed.
        fast: read only the headers of the images.
        examples: training examples of a split that are drawn.
    """

    target: str
    preset: bool
    images: Path | None
    format: Format | None
    out: Path
    show: int
    fast: bool
    examples: int


def parse_check(arguments: Sequence[str]) -> tuple[Config, CheckOptions]:
    """Options and settings; exits with status 2 on a usage error and 0 after `--help`.

    Raises:
        InputError: the target reads like a path, and nothing is there.
    """
    own = _parser()
    if not arguments or arguments[0].startswith("-"):
        own.print_help()
        raise SystemExit(0 if {"-h", "--help"} & set(arguments) else 2)
    target = arguments[0]
    options, rest = own.parse_known_args(arguments[1:])
    preset = target in preset_names() or not _is_path(target)
    _refuse_misplaced(own, preset, options, rest)
    if preset:
        config = parse_config([target, *rest], program=PROGRAM, purpose="")
        name = config.name
    else:
        name = Path(target).resolve().stem.lstrip(".") or "data"
        program = f"{PROGRAM} {target}"
        try:
            default = replace(load_preset("custom"), name=name)
            config = keep_typed(tyro.cli(Config, default=default, args=rest, prog=program), rest)
        except ValueError as error:
            own.error(str(error))
    options.out = options.out or config.out / "check" / name
    return config, CheckOptions(target=target, preset=preset, **vars(options))


>>>>>>> h_formats
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
    done: list[object] = []
    for dataset in splits.values():
        place = _place(dataset)
        if place not in done:
            check_dataset(dataset, findings, decode=not options.fast, progress=True)
            done.append(place)
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


<<<<<<< HEAD
=======
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} PRESET|PATH [options] [--section.field VALUE ...]",
        description="Find what is wrong with images and labels before training. PRESET: a name "
        f"in configs/ ({', '.join(preset_names())}); PATH: a COCO JSON file, or a folder in the "
        "format of COCO, YOLO, LabelMe, instance masks, SBD, KINS or Cityscapes (./coco for a "
        "folder called like a preset). Settings follow as for train.py, e.g. --data.root; "
        "`train.py PRESET --help` lists them. Exit status 1 where something would stop training.",
        allow_abbrev=False,
    )
    parser.add_argument("--images", type=Path, help="folder of the images, for a PATH")
    parser.add_argument(
        "--format", choices=get_args(Format), help="format of a PATH; found out without"
    )
    parser.add_argument("--out", type=Path, help="folder of the results; runs/check/<name> without")
    parser.add_argument(
        "--show", type=_count, default=20, help="print so many problems of a kind (20)"
    )
    parser.add_argument(
        "--fast", action="store_true", help="read image headers only; damaged pixels go unnoticed"
    )
    parser.add_argument(
        "--examples", type=_count, default=12, help="draw so many examples of each split (12)"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, not {text!r}")
    return int(text)


def _refuse_misplaced(
    parser: argparse.ArgumentParser,
    preset: bool,
    options: argparse.Namespace,
    settings: Sequence[str],
) -> None:
    """Exit with status 2 on what is misspelt, or would change nothing for this kind of target."""
    if near := misspelt(settings, _OPTIONS):
        parser.error(near)
    for argument in settings:
        option = argument.split("=")[0].replace("_", "-").replace("--data.no-", "--data.")
        if not preset and option in _PRESET_ONLY:
            parser.error(f"{option} belongs to a preset; the path says where the data is")
    if preset and options.images is not None:
        parser.error("--images belongs to a path; for a preset give --data.train-images")
    if preset and options.format is not None:
        parser.error("--format belongs to a path; for a preset give --data.format")


def _is_path(target: str) -> bool:
    """Whether a target is, or reads like, a path rather than a misspelt preset.

    Raises:
        InputError: it reads like a path, and nothing is there.
    """
    path = Path(target)
    if path.exists():
        return True
    if len(path.parts) > 1 or path.suffix:
        raise InputError(f"{target}: no such file or folder; give a preset or a path")
    return False


>>>>>>> h_formats
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
