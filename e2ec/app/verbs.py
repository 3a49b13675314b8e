"""The commands as functions: `e2ec.train(...)` does what `e2ec train ...` does.

Settings have the names that the command line gives them, dotted or nested:

    e2ec.train("custom", {"data.root": "/data", "model": {"architecture": "nano"}}, name="mine")

Options are keywords, with underscores: `e2ec.predict("photos", to="coco", out="results")`. What is
wrong with them is a ValueError, what is wrong with files an `e2ec.InputError`, each with the line
that the command would print. What a command prints on the way is printed here too; what it prints
at the end is returned. Importing this loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from e2ec.app.commands.evaluate import Evaluation
    from e2ec.app.commands.predict import Predicted
    from e2ec.config import Config

Settings = Mapping[str, Any]
"""Values by the names of settings."""
AnyPath = str | PathLike[str]
"""A path, or its text."""


@dataclass(frozen=True)
class Checked:
    """What a check of data found; details are in its folder.

    Attributes:
        text: for people.
        stopping: so many problems would stop training.
    """

    text: str
    stopping: int


def train(preset: str | Config, settings: Settings | None = None, **top: Any) -> Path:
    """Train, as `e2ec train`; the folder of the run.

    Args:
        preset: name of a preset, or settings that are complete.
        settings: what differs from the preset.
        top: settings that are in no section, e.g. `name="mine"`, `device="cpu"`, `resume=True`.

    Raises:
        InputError: data, weights, device or output folder are unusable, the run exists already or
            is under way, or the loss is not finite.
        ValueError: a setting is unknown or its value wrong, or complete settings are to differ.
    """
    from e2ec.app.commands.train_options import parse_train
    from e2ec.app.words import usage_errors_raised, words

    changes = {**(settings or {}), **top}
    if not isinstance(preset, str):
        if changes:
            raise ValueError("complete settings cannot differ; change them by dataclasses.replace")
        config = preset
    else:
        with usage_errors_raised():
            config = parse_train([preset, *words(changes)])
    from e2ec.app.commands.train import train as run

    run(config)
    return config.out / config.name


def test(
    preset: str,
    settings: Settings | None = None,
    *,
    weights: AnyPath | None = None,
    results: AnyPath | None = None,
    split: str = "val",
    stage: str | None = None,
    out: AnyPath | None = None,
    **top: Any,
) -> Evaluation:
    """Evaluate weights, or results of any origin, as `e2ec test`.

    Args:
        preset: name of a preset.
        settings, top: as in `train`.
        weights: a weights file; None takes that of the preset's run.
        results: COCO results in their place.
        split: val or test.
        stage: which of the network's results; None takes the one that the weights name.
        out: folder to write; None takes one in that of the run.

    Returns:
        The metrics by name, their table as text, and the folder with metrics.json.

    Raises:
        InputError: data, weights, results or output folder are unusable, or do not fit each other.
        ValueError: a setting is unknown, or its value wrong.
    """
    from e2ec.app.commands.command_line import parse_evaluation
    from e2ec.app.words import usage_errors_raised, words

    own = {"weights": weights, "results": results, "split": split, "stage": stage, "out": out}
    given = {name: str(value) for name, value in own.items() if value is not None}
    with usage_errors_raised():
        found = parse_evaluation([preset, *words({**given, **(settings or {}), **top})])
    from e2ec.app.commands.evaluate import evaluation

    return evaluation(*found)


def predict(source: AnyPath, **options: Any) -> Predicted:
    """Outline the objects of many images and write them, as `e2ec predict`.

    For contours in memory there is `e2ec.load_model().predict(images)`.

    Args:
        source: an image, a folder, a pattern or a list of paths.
        options: as of `e2ec.app.commands.predict_options.PredictOptions`, e.g. `weights`, `to`,
            `out`, `score`, `overwrite`, `device`.

    Returns:
        How many images have results, and what was wrong with the others: one that cannot be read
        raises nothing.

    Raises:
        InputError: there are no images, the weights are unusable, or the folder cannot be written
            or holds results of other weights or settings.
        ValueError: an option is unknown, or its value wrong.
    """
    from e2ec.app.commands.predict_options import PredictOptions
    from e2ec.app.words import late_usage_errors_raised, options_of, usage_errors_raised

    with usage_errors_raised():
        given = options_of(PredictOptions, {"source": source, **options})
    from e2ec.app.commands.predict import predict as run

    with late_usage_errors_raised():
        return run(given)


def demo(source: AnyPath | None = None, **options: Any) -> None:
    """Segment images, a video or a camera and show them, as `e2ec demo`.

    Args:
        source: as of `--source`; None takes a photograph that comes with scikit-image.
        options: as of `e2ec.app.commands.demo_options.DemoOptions`, e.g. `weights`, `out`, `score`.

    Raises:
        InputError: weights, source or output folder are unusable; at the end, where something could
            not be read.
        ValueError: an option is unknown, or its value wrong.
    """
    from e2ec.app.commands.demo_options import DemoOptions
    from e2ec.app.words import late_usage_errors_raised, options_of, usage_errors_raised

    with usage_errors_raised():
        given = options_of(DemoOptions, {"source": source, **options})
    from e2ec.app.commands.demo import demo as run

    with late_usage_errors_raised():
        run(given)


def check(target: AnyPath, settings: Settings | None = None, **options: Any) -> Checked:
    """Find what is wrong with images and labels before training, as `e2ec check`.

    Args:
        target: name of a preset, or the path of labels.
        settings: as in `train`.
        options: `images`, `format`, `out`, `show`, `fast`, `examples`; or settings as in `train`.

    Raises:
        InputError: the data cannot be read at all, or the folder cannot be written.
        ValueError: a setting is unknown, or its value wrong.
    """
    from e2ec.app.commands.check_options import parse_check
    from e2ec.app.words import usage_errors_raised, words

    with usage_errors_raised():
        found = parse_check([str(target), *words({**options, **(settings or {})})])
    from e2ec.app.commands.check import check as run

    return Checked(*run(*found))


def convert(source: AnyPath, to: str, out: AnyPath, **options: Any) -> str:
    """Write labels in another format, as `e2ec convert`; a line that says what was written.

    Args:
        source: labels, a file or a folder.
        to: format to write.
        out: folder to write.
        options: as of `e2ec.app.commands.convert_options.ConvertOptions`, e.g. `val_fraction`.

    Raises:
        InputError: the source is unusable, or the folder cannot be written.
        ValueError: an option is unknown, or its value wrong.
    """
    from e2ec.app.commands.convert_options import ConvertOptions
    from e2ec.app.words import options_of, usage_errors_raised

    with usage_errors_raised():
        given = options_of(ConvertOptions, {"source": source, "to": to, "out": out, **options})
    from e2ec.app.commands.convert import convert as run

    return run(given)


def refine(results: AnyPath, **options: Any) -> str:
    """Move the masks of COCO results to the boundaries, as `e2ec refine`; a line that sums it up.

    Args:
        results: COCO results.
        options: as of `e2ec.app.commands.refine_options.RefineOptions`: `images`, `annotations` and
            `out` are needed.

    Raises:
        InputError: the results, the annotations, an image or the weights cannot be used, or nothing
            can be written.
        ValueError: an option is unknown or missing, or its value wrong.
    """
    from e2ec.app.commands.refine_options import RefineOptions
    from e2ec.app.words import options_of, usage_errors_raised

    with usage_errors_raised():
        given = options_of(RefineOptions, {"results": results, **options})
    from e2ec.app.commands.refine import refine as run

    return run(given)
