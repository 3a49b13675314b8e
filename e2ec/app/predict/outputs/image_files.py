"""A file an image, in the folders that the images have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from e2ec.app.predict.formats import Classes, ImageFormat, Result
from e2ec.app.predict.image_list import ListedImage
from e2ec.app.predict.made_by import MadeBy
from e2ec.app.predict.outputs.folder import ResultFolder
from e2ec.app.predict.outputs.output import State, Unfit
from e2ec.results.contours import Contours
from lib.errors import InputError
from lib.files import atomic_write_bytes


class ImageFiles:
    """Every file is written whole or not at all; a later run goes on with what is missing.

    An image is done if its file is there and not older than the image.
    """

    def __init__(
        self,
        format: ImageFormat,
        folder: Path,
        images: Sequence[ListedImage],
        made: MadeBy,
        classes: Classes,
        *,
        overwrite: bool,
    ) -> None:
        self.place = str(folder)
        self._format = format
        self._folder = ResultFolder(folder, format.name, made)
        self._numbers = {image.name: number for number, image in enumerate(images, start=1)}
        self._images = images
        self._beside = format.beside(classes)
        self._overwrite = overwrite

    def __enter__(self) -> ImageFiles:
        files = [self._file(image) for image in self._images]
        beside = {self._folder.folder / name: data for name, data in self._beside.items()}
        self._folder.open([*files, *beside], overwrite=self._overwrite)
        for path, data in beside.items():
            if not path.exists():
                atomic_write_bytes(path, data)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.close()

    def state(self, image: ListedImage) -> State:
        return "done" if is_newer(self._file(image), image.path) else "open"

    def write(self, image: ListedImage, contours: Contours) -> bool:
        result = Result(self._numbers[image.name], image.name, image.stem, contours)
        main = image.stem + self._format.suffix
        try:
            files = dict(self._format.files(result))
        except InputError as error:
            raise Unfit(str(error)) from error
        # The one that says that the image is done comes last.
        for name in sorted(files, key=lambda name: name == main):
            atomic_write_bytes(self._folder.folder / name, files[name])
        return True

    def finish(self, images: Sequence[ListedImage]) -> None:
        pass

    def _file(self, image: ListedImage) -> Path:
        return self._folder.folder / f"{image.stem}{self._format.suffix}"


def is_newer(result: Path, image: Path) -> bool:
    """Whether a result is there, and its image has not been changed since."""
    try:
        made = result.stat().st_mtime_ns
    except OSError:
        return False
    try:
        return made >= image.stat().st_mtime_ns
    except OSError:
        return False  # whoever reads the image says what is wrong with it
