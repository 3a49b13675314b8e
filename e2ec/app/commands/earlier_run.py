"""What an earlier demonstration left in an output folder: found, so that it can make way."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from e2ec.results.contours import Contours
from e2ec.results.formats.native import read_document
from lib.errors import InputError
from lib.files import read_json

DOCUMENT, LINES, VIDEO = "contours.json", "contours.jsonl", "overlay.mp4"


class OverlayNames:
    """Names of overlays, one after the other: the same for the same images in the same order."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def next(self, image: str) -> str:
        """The overlay's name for an image's file name."""
        name = f"{Path(image).stem}_overlay.png"
        if name in self._taken:  # a.jpg beside a.png
            name = f"{Path(image).name}_overlay.png"
        number = 2
        while name in self._taken:  # the same file name in another folder
            name = f"{Path(image).name}_{number}_overlay.png"
            number += 1
        self._taken.add(name)
        return name


def earlier_results(folder: Path) -> set[str]:
    """Names of the files in `folder` that an earlier run wrote, by its own list of images.

    That is contours.json and the overlays of its images, contours.jsonl and overlay.mp4. Where a
    list cannot be read, nothing is taken for ours.
    """
    ours: set[str] = set()
    try:
        images = _images(folder / DOCUMENT)
        names = OverlayNames()
        ours |= {DOCUMENT} | {names.next(image.source_name) for image in images}
    except InputError:
        pass
    try:
        with (folder / LINES).open(encoding="utf-8") as lines:
            Contours.from_json(lines.readline())  # one tells
        ours |= {LINES, VIDEO}
    except (InputError, OSError, UnicodeDecodeError):
        pass
    # By the folder's own list: names from a file may be anything.
    return ours & {path.name for path in folder.iterdir() if path.is_file()}


def remove_earlier(folder: Path, earlier: Iterable[str], written: Iterable[str]) -> int:
    """Remove the files of an earlier run that this one has not written anew; how many overlays.

    Raises:
        InputError: one cannot be removed.
    """
    overlays = 0
    for name in sorted(set(earlier) - set(written)):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"{folder / name}: of an earlier run, cannot be removed ({error.strerror}); "
                "choose another --out"
            ) from error
        overlays += name not in (DOCUMENT, LINES)
    return overlays


def _images(path: Path) -> list[Contours]:
    return read_document(read_json(path), name=str(path))
