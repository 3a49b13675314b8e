"""The page around the sections: one file that asks for nothing else."""

from __future__ import annotations

from pathlib import Path

from e2ec.app.report import errors, summary
from e2ec.app.report.comparison import comparison_sections
from e2ec.app.report.evaluation import load_evaluation
from e2ec.app.report.examples import examples_section
from e2ec.app.report.html import Markup, folded, section, settings_table, tag
from e2ec.app.report.style import STYLE
from e2ec.app.report.training import load_training, training_sections
from e2ec.named_settings import flat
from lib.errors import InputError
from lib.files import read_json

# Nothing is fetched and nothing runs, whatever a name from outside may hold.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report_page(
    folder: Path, other: Path | None, *, root: Path | None, examples: int, seed: int
) -> Markup:
    """The report of an evaluation or a training run, or of two of a kind.

    Args:
        folder: what `test.py` or `train.py` wrote.
        other: another of the same kind.
        root: where the data of an evaluation lies now, if not where it lay.
        examples: how many of each kind are shown.
        seed: of the random ones.

    Raises:
        InputError: a folder is neither, its data is missing, or both do not go together.
    """
    folders = [folder] if other is None else [folder, other]
    kinds = [_is_training(one) for one in folders]
    if len(set(kinds)) > 1:
        raise InputError(
            f"{folder} and {other}: an evaluation and a training run; give two of a kind"
        )
    names = " and ".join(one.resolve().name for one in folders)
    if kinds[0]:
        runs = [load_training(one) for one in folders]
        return _page(f"Training: {names}", training_sections(runs))
    found = [load_evaluation(one, root) for one in folders]
    if len(found) > 1:
        sections = comparison_sections(*found, count=examples)
        return _page(f"Evaluations: {names}", sections)
    one = found[0]
    whole = {"": one}
    rows = [*flat(one.settings).items()]
    shown = settings_table(["setting", "value"], rows)
    return _page(
        f"Evaluation: {names}",
        [
            summary.headline(one),
            summary.by_stage(whole),
            summary.by_size(whole),
            summary.by_class(whole),
            summary.curves(whole),
            errors.calibration_section(whole),
            errors.confusion_section(one),
            errors.sizes_section(whole),
            examples_section(one, count=examples, seed=seed),
            section("Settings", "", folded(f"All {len(rows)} settings", shown)),
        ],
    )


def _is_training(folder: Path) -> bool:
    """Whether `train.py` wrote the folder, and not `test.py`.

    Raises:
        InputError: neither did.
    """
    for name in ("metrics.json", "config.json"):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder}: no {name}; give the folder that train.py wrote, or the --out of test.py"
            )
    document = read_json(folder / "metrics.json")
    if isinstance(document, dict) and "history" in document:
        return True
    if isinstance(document, dict) and "metrics" in document:
        return False
    raise InputError(f"{folder}: metrics.json is neither train.py's nor test.py's; make it again")


def _page(title: str, sections: list[Markup | None]) -> Markup:
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    body = tag("body", tag("main", tag("h1", title), sections))
    return Markup(f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n")
