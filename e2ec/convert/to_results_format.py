"""Writing the formats that results are written in too: `e2ec.results.formats.writers`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from e2ec.convert.job import Job, label_names
from e2ec.results.formats.catalogue import OUTPUT_FORMATS
from e2ec.results.formats.writers import format_files

# Where a format has its images; the others have them beside the files.
_IMAGES = {"cvat": "images/", "voc": "JPEGImages/"}


def results_writer(name: str) -> Callable[[Job], None]:
    """What writes a job in a format of `catalogue.OUTPUT_FORMATS`."""
    return partial(_write, name)


def _write(name: str, job: Job) -> None:
    """The files of the format; what is left out or mended is noted in the job.

    Raises:
        InputError: a package is missing, two images would share a file, or labels do not fit.
    """
    if OUTPUT_FORMATS[name].per == "image":
        label_names(job.source.names, ".x")
    for position, image in enumerate(job.source.names):
        # Pascal VOC's masks belong to the images that lie there.
        job.place_image(position, _IMAGES.get(name, "") + image, link=name == "voc")
    for path, data in format_files(name, job.given_items(), job.options, job.notes):
        job.write(path, data)
