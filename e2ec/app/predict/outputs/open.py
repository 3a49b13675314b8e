"""The output that a format and a folder mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from e2ec.app.predict.formats import FORMATS, Classes, EditedFormat, ImageFormat
from e2ec.app.predict.image_list import ListedImage
from e2ec.app.predict.made_by import MadeBy
from e2ec.app.predict.outputs.edited_files import EditedFiles
from e2ec.app.predict.outputs.image_files import ImageFiles
from e2ec.app.predict.outputs.output import Output
from e2ec.app.predict.outputs.set_files import SetFiles

DEFAULT_OUT = Path("out/predict")


def open_output(
    name: str,
    out: Path | None,
    images: Sequence[ListedImage],
    made: MadeBy,
    classes: Classes,
    *,
    overwrite: bool,
) -> Output:
    """The output of a format, to be entered.

    Args:
        name: of the format, in `formats.FORMATS`.
        out: the folder; None is beside the images where the format has its place there, else
            `result_folder`'s.
        images: all that are asked for.
        made: what the results depend on.
        classes: of the model.
        overwrite: do what is done again.
    """
    format = FORMATS[name]
    if isinstance(format, EditedFormat):
        return EditedFiles(format, out, made, overwrite=overwrite)
    folder = out or DEFAULT_OUT
    if isinstance(format, ImageFormat):
        return ImageFiles(format, folder, images, made, classes, overwrite=overwrite)
    return SetFiles(format, folder, made, classes, overwrite=overwrite)


def result_folder(name: str, out: Path | None) -> Path | None:
    """The folder that a format's results go to; None where it is that of the images."""
    return out or (None if isinstance(FORMATS[name], EditedFormat) else DEFAULT_OUT)
