"""A miniature of SBD on disk, in the format of the release."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.io import savemat

from lib.images import write_image

HEIGHT, WIDTH = 60, 80
# Three images of the training list; the last one is without objects.
NAMES = ("2008_000008", "2008_000015", "2008_000019")
# Category ids of the instances: horse and person; train, train and tvmonitor.
CATEGORY_IDS: dict[str, list[int]] = {NAMES[0]: [13, 15], NAMES[1]: [19, 19, 20], NAMES[2]: []}


def segmentations() -> dict[str, np.ndarray]:
    """By image the (H, W) uint8 instance numbers: a ring, an object in two parts, odd outlines."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    first, second, third = (np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(3))
    first[np.abs(np.hypot(x - 40, y - 30) - 17) < 7] = 1  # with a hole
    first[25:35, 36:44] = 2  # inside of the hole
    second[5:50, 4:30] = 1
    second[20:28, :40] = 2  # in front of instance 1, which it divides
    second[(np.abs(x - 60) + np.abs(y - 30)) < 16] = 3
    return dict(zip(NAMES, (first, second, third), strict=True))


def write_sbd(root: Path, *, compressed: bool = True) -> Path:
    """Write img and inst below `root`; returns `root`."""
    for number, (name, segmentation) in enumerate(segmentations().items()):
        image = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        write_image(root / "img" / f"{name}.jpg", image)
        write_instances(root, name, segmentation, CATEGORY_IDS[name], compressed=compressed)
    return root


def write_instances(
    root: Path,
    name: str,
    segmentation: np.ndarray,
    category_ids: list[int],
    *,
    compressed: bool = True,
) -> Path:
    """`inst/NAME.mat`: GTinst, a 1 x 1 struct; a sparse boundary and a category an instance."""
    numbers = range(1, len(category_ids) + 1)
    struct = {
        "Segmentation": segmentation,
        "Boundaries": _cells([_boundary(segmentation == number) for number in numbers]),
        "Categories": np.array(category_ids, np.uint8).reshape(-1, 1),
    }
    path = root / "inst" / f"{name}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"GTinst": struct}, do_compression=compressed)
    return path


def _cells(matrices: list[sparse.csc_matrix]) -> np.ndarray:
    cells = np.empty((len(matrices), 1), object)
    for row, matrix in enumerate(matrices):
        cells[row, 0] = matrix
    return cells


def _boundary(mask: np.ndarray) -> sparse.csc_matrix:
    edges = np.zeros(mask.shape, bool)
    edges[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    edges[1:] |= mask[1:] != mask[:-1]
    return sparse.csc_matrix(edges)
