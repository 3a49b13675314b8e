"""A file an image, in the folders that the images have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from e2ec.app.predict.image_list import ListedImage
from e2ec.app.predict.made_by import MadeBy
from e2ec.app.predict.outputs.folder import ResultFolder
from e2ec.app.predict.outputs.output import Classes, State, Unfit
from e2ec.results.contours import Contours
from e2ec.results.formats.catalogue import OutputFormat
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.mask_layers import further_layers
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.one_by_one import check_writable, image_files, shared_files
from e2ec.results.formats.options import FormatOptions
from lib.errors import InputError
from lib.files import atomic_write_bytes


class ImageFiles:
    """Every file is written whole or not at all; a later run goes on with what is missing.

    An image is done if its first file is there and not older than the image. What all images share,
    lists of classes for one, is written with the first of them, and anew at the end.
    """

    def __init__(
        self,
        format: OutputFormat,
        folder: Path,
        images: Sequence[ListedImage],
        made: MadeBy,
        classes: Classes,
        options: FormatOptions,
        *,
        overwrite: bool,
    ) -> None:
        self.place = str(folder)
        self.notes = Notes()
        self._format = format
        self._folder = ResultFolder(folder, format.name, made)
        self._images = images
        self._stems = frozenset(image.stem for image in images)
        self._classes = classes
        self._options = options
        self._overwrite = overwrite
        self._shared = False

    def __enter__(self) -> ImageFiles:
        shared = check_writable(self._format.name, self._classes)
        files = [self._path(name) for name in shared]
        for image in self._images:
            files += map(self._path, self._format.paths(image.stem))
            files += self._layers(image)
        self._folder.open(files, overwrite=self._overwrite)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.close()

    def state(self, image: ListedImage) -> State:
        return "done" if is_newer(self._first(image), image.path) else "open"

    def write(self, image: ListedImage, contours: Contours) -> bool:
        item = ImageResult(image.name, contours, result_stem=image.stem, others=self._stems)
        try:
            made = image_files(self._format.name, item, self._options, self.notes)
        except InputError as error:
            raise Unfit(str(error)) from error
        files = {self._path(name): data for name, data in made.items()}
        first = self._first(image)
        for path, data in files.items():
            if path != first:
                atomic_write_bytes(path, data)
        for path in list(self._layers(image)):  # of what the image was before
            if path not in files:
                path.unlink()
        if not self._shared:
            self._write_shared([image.stem], again=False)
        # It says that the image is done.
        atomic_write_bytes(first, files[first])
        return True

    def finish(self, images: Sequence[ListedImage]) -> None:
        stems = [image.stem for image in images if self._first(image).is_file()]
        if stems:
            self._write_shared(stems, again=True)

    def _write_shared(self, stems: Iterable[str], *, again: bool) -> None:
        """What all images share; what is there already is written `again`, or stays."""
        self._shared = True
        for name, data in shared_files(self._format.name, stems, self._classes).items():
            path = self._path(name)
            if again or not path.exists():
                atomic_write_bytes(path, data)

    def _layers(self, image: ListedImage) -> Iterator[Path]:
        """The layers that are there of an image, as far as a reader goes."""
        if not self._format.layers:
            return
        for name in further_layers(image.stem, self._stems):
            path = self._path(name)
            if not path.is_file():
                return
            yield path

    def _first(self, image: ListedImage) -> Path:
        return self._path(self._format.paths(image.stem)[0])

    def _path(self, name: str) -> Path:
        return self._folder.folder / name


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
