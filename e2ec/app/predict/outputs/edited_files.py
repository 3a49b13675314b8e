"""Files that people go on with: what they have made or changed is never written over.

A file of ours says so itself, under "e2ec", a member that LabelMe keeps and does not look at:
`content` is a fingerprint of all the rest, so that a file that somebody has saved since is told
from ours, and `made_by` one of the model and its settings.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

from e2ec.app.predict.image_list import ListedImage
from e2ec.app.predict.made_by import MadeBy, short_digest
from e2ec.app.predict.outputs.image_files import is_newer
from e2ec.app.predict.outputs.output import State
from e2ec.results.contours import Contours
from e2ec.results.formats.catalogue import OutputFormat
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.one_by_one import image_files
from e2ec.results.formats.options import FormatOptions
from lib.errors import InputError
from lib.files import atomic_write_json, read_json

MARK = "e2ec"


class EditedFiles:
    """A file an image, beside it or in a folder of their own."""

    def __init__(
        self,
        format: OutputFormat,
        folder: Path | None,
        made: MadeBy,
        options: FormatOptions,
        *,
        overwrite: bool,
    ) -> None:
        """
        Args:
            format: what is written: a JSON document an image.
            folder: where to; None writes beside the images.
            made: what the results depend on.
            options: how outlines are changed before they are written.
            overwrite: write over files of ours that were made in another way, or are done.
        """
        self.place = "beside the images" if folder is None else str(folder)
        self.notes = Notes()
        self._format = format
        self._options = options
        self._folder = folder
        self._made = short_digest(made)
        self._overwrite = overwrite

    def __enter__(self) -> EditedFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def state(self, image: ListedImage) -> State:
        path = self._file(image)
        if not os.path.lexists(path):
            return "open"
        made = made_by_us(path)
        if made is None:
            return "kept"
        if self._overwrite:
            return "open"
        if made != self._made:
            return "other"
        return "done" if is_newer(path, image.path) else "open"

    def write(self, image: ListedImage, contours: Contours) -> bool:
        path = self._file(image)
        # Somebody may have saved it while the network was at work.
        if os.path.lexists(path) and made_by_us(path) is None:
            return False
        shown = _relative(image.path, path.parent)
        item = ImageResult(image.name, contours, path=shown, result_stem=image.stem)
        (data,) = image_files(self._format.name, item, self._options, self.notes).values()
        document = json.loads(data)
        mark = {"content": content_digest(document), "made_by": self._made}
        atomic_write_json(path, {**document, MARK: mark})
        return True

    def finish(self, images: Sequence[ListedImage]) -> None:
        pass

    def _file(self, image: ListedImage) -> Path:
        (name,) = self._format.paths(image.stem)
        if self._folder is not None:
            return self._folder / name
        return image.path.parent / PurePosixPath(name).name


def content_digest(document: dict[str, Any]) -> str:
    """A fingerprint of a document without its mark; blanks and the order of members are nothing."""
    rest = {name: value for name, value in document.items() if name != MARK}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def made_by_us(path: Path) -> str | None:
    """What made a file, if `EditedFiles` wrote it and nobody has changed it since; else None."""
    try:
        document = read_json(path)
    except InputError:
        return None
    mark = document.get(MARK) if isinstance(document, dict) else None
    if not isinstance(mark, dict) or not isinstance(mark.get("made_by"), str):
        return None
    return mark["made_by"] if mark.get("content") == content_digest(document) else None


def _relative(image: Path, folder: Path) -> str:
    """The path of an image as seen from a folder, with forward slashes on every system."""
    try:
        path = os.path.relpath(os.path.abspath(image), os.path.abspath(folder))
    except ValueError:  # on another drive
        path = os.path.abspath(image)
    return Path(path).as_posix()
