"""The output that a format and a folder mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from e2ec.app.predict.image_list import ListedImage
from e2ec.app.predict.made_by import MadeBy
from e2ec.app.predict.outputs.edited_files import EditedFiles
from e2ec.app.predict.outputs.image_files import ImageFiles
from e2ec.app.predict.outputs.output import Classes, Output
from e2ec.app.predict.outputs.set_files import SetFiles
from e2ec.results.formats.catalogue import OUTPUT_FORMATS
from e2ec.results.formats.options import FormatOptions

DEFAULT_OUT = Path("out/predict")
EDITED = frozenset({"labelme"})
"""Formats that people go on with: files beside the images, never written over."""


def open_output(
    name: str,
    out: Path | None,
    images: Sequence[ListedImage],
    made: MadeBy,
    classes: Classes,
    options: FormatOptions,
    *,
    overwrite: bool,
) -> Output:
    """The output of a format, to be entered.

    Args:
        name: of the format, in `catalogue.OUTPUT_FORMATS`.
        out: the folder; None is beside the images where the format has its place there, else
            `result_folder`'s.
        images: all that are asked for.
        made: what the results depend on.
        classes: of the model.
        options: how outlines are changed before they are written.
        overwrite: do what is done again.
    """
    format = OUTPUT_FORMATS[name]
    if name in EDITED:
        return EditedFiles(format, out, made, options, overwrite=overwrite)
    folder = out or DEFAULT_OUT
    if format.per == "image":
        return ImageFiles(format, folder, images, made, classes, options, overwrite=overwrite)
    return SetFiles(format, folder, made, classes, options, overwrite=overwrite)


def result_folder(name: str, out: Path | None) -> Path | None:
    """The folder that a format's results go to; None where it is that of the images."""
    return out or (None if name in EDITED else DEFAULT_OUT)
