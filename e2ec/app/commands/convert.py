"""`python -m e2ec convert`: labels from one format to another."""

from __future__ import annotations

from dataset.checks.problems import Problem, strict
from dataset.formats.detect import detect_format, format_named
from dataset.formats.format import SplitName
from e2ec.app.commands.convert_options import ConvertOptions
from e2ec.convert.convert import convert_labels
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
    )
    index = source.index
    written = index.annotation_count() - sum(done.left_out.values())
    counts = ", ".join(f"{len(one.index)} {split}" for split, one in sources.items())
    line = (
        f"{options.out}: {len(index)} images{f' ({counts})' if len(sources) > 1 else ''}, "
        f"{written} objects, {len(index.categories)} classes ({format.name} to {options.to})"
    )
    if done.left_out:
        line += "; left out: " + ", ".join(f"{n} {what}" for what, n in done.left_out.items())
    for split, place in done.repeated.items():
        line += f"; data.yaml names the {place} images as {split} too: some programs ask for one"
    if done.mended:
        line += (
            f"; {len(done.mended)} of {written} outlines crossed themselves or overlapped and were "
            f"mended (area changed by at most {round(max(map(abs, done.mended)), 2):g} %)"
        )
    if skipped:
        line += f"; {len(skipped)} unusable items in the source were left out (first: "
        line += f"{skipped[0].line()})"
    if not done.images_found and source.images is not None:
        line += (
            f"\nthe images stay in {source.images}: name it (--images, --data.train-images ...) "
        )
        line += "to whatever reads the labels, or convert with --copy-images"
    return line
