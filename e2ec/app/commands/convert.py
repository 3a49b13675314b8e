"""`python -m e2ec convert`: labels from one format to another."""

from __future__ import annotations

from collections.abc import Mapping

from dataset.checks.problems import Problem, strict
from dataset.formats.detect import detect_format, format_named
from dataset.formats.format import SplitName
from e2ec.app.commands.convert_options import ConvertOptions
from e2ec.convert.convert import Written, convert_labels
from e2ec.convert.source import Source, divide_source, open_source


def convert(options: ConvertOptions) -> str:
    """Convert, and say what was written, what was left out, and where the images are.

    Raises:
        InputError: the source is unusable, or the folder cannot be written.
    """
    skipped: list[Problem] = []

    def report(problem: Problem) -> None:
        strict(problem)
        if problem.action == "left out":
            skipped.append(problem)

    named = options.source_format
    format = format_named(named) if named else detect_format(options.source)
    source = open_source(options.source, format, options.split, options.images, report)
    sources: dict[SplitName, Source] = {options.split: source}
    if options.val_fraction is not None:
        sources = divide_source(source, options.val_fraction, options.seed)
    done = convert_labels(
        sources,
        options.to,
        options.out,
        copy_images=options.copy_images,
        overwrite=options.overwrite,
        options=options.format_options,
    )
    facts = _facts(options, format.name, sources, done)
    if skipped:
        facts.append(
            f"{len(skipped)} unusable items in the source were left out (first: "
            f"{skipped[0].line()})"
        )
    text = "; ".join(facts)
    if not done.images_found and source.images is not None:
        text += (
            f"\nthe images stay in {source.images}: name it (--images, --data.train-images ...) "
            "to whatever reads the labels, or convert with --copy-images"
        )
    return text


def _facts(
    options: ConvertOptions, format_name: str, sources: Mapping[SplitName, Source], done: Written
) -> list[str]:
    """What was written and how, each in a few words."""
    indexes = [source.index for source in sources.values()]
    images = f"{sum(map(len, indexes))} images"
    if len(sources) > 1:
        counts = (f"{len(source.index)} {split}" for split, source in sources.items())
        images += f" ({', '.join(counts)})"
    objects = sum(index.annotation_count() for index in indexes) - sum(done.left_out.values())
    facts = [
        f"{options.out}: {images}, {objects} objects, {len(indexes[0].categories)} classes "
        f"({format_name} to {options.to})"
    ]
    if done.left_out:
        facts.append("left out: " + ", ".join(f"{n} {what}" for what, n in done.left_out.items()))
    for split, place in done.repeated.items():
        facts.append(
            f"data.yaml names the {place} images as {split} too: some programs ask for one"
        )
    if done.mended:
        facts.append(
            f"{len(done.mended)} of {objects} outlines crossed themselves or overlapped and were "
            f"mended (area changed by at most {round(max(map(abs, done.mended)), 2):g} %)"
        )
    return facts
