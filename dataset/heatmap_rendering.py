"""Heat maps of a whole batch at once, on the device of the batch.

The bumps are those of `dataset.heatmap.draw_gaussian`. With many classes a heat map is several
megabytes of zeros with a few bumps in it: loader workers send what the bumps are instead.
"""

from __future__ import annotations

import torch
from torch import Tensor

CELLS_AT_ONCE = 2**24
"""What `draw_maps` holds at a time: 64 MiB."""


def draw_heatmaps(
    centers: Tensor,
    radii: Tensor,
    classes: Tensor,
    image_index: Tensor,
    *,
    images: int,
    size: tuple[int, int, int],
) -> Tensor:
    """Heat maps with a Gaussian bump at every centre, combined by their maximum.

    Args:
        centers: (n, 2) int64, x then y, cells, inside the map.
        radii: (n,) int64, cells: a bump is 2 radius + 1 cells wide, its standard deviation a sixth
            of that.
        classes: (n,) int64, the channel of every bump.
        image_index: (n,) int64, the image of every bump.
        images: number B of images.
        size: channels C, height h and width w of a map.

    Returns:
        (B, C, h, w) float32 in [0, 1], exactly 1 at the centres.
    """
    channels, height, width = size
    heatmaps = torch.zeros(images * channels, height, width, device=centers.device)
    bumps = torch.cat([(image_index * channels + classes)[:, None], centers, radii[:, None]], dim=1)
    draw = draw_cells if centers.device.type == "cpu" else draw_maps
    draw(heatmaps, bumps)
    return heatmaps.view(images, channels, height, width)


def draw_cells(heatmaps: Tensor, bumps: Tensor) -> None:
    """Raise heat maps, in place, to bumps: exactly the cells that the bumps have.

    How many they are depends on the radii, for which a GPU has to be waited for.

    Args:
        heatmaps: (maps, h, w) float32, contiguous.
        bumps: (n, 4) int64: the map, x and y of the centre, the radius.
    """
    height, width = heatmaps.shape[1:]
    maps, x, y, radii = bumps.unbind(1)
    left, right = (x - radii).clamp(min=0), (x + radii).clamp(max=width - 1)
    top, bottom = (y - radii).clamp(min=0), (y + radii).clamp(max=height - 1)
    columns = right - left + 1
    cells = columns * (bottom - top + 1)

    # One entry for every cell of every bump: the bump it belongs to, its place in the map.
    bump = torch.repeat_interleave(cells)
    first = cells.cumsum(0) - cells
    place = torch.arange(len(bump), device=bump.device) - first[bump]
    column = left[bump] + place % columns[bump]
    row = top[bump] + place // columns[bump]
    squared = (column - x[bump]) ** 2 + (row - y[bump]) ** 2
    sigma = (2 * radii + 1).to(torch.float32) / 6
    height_of_bump = torch.exp(-squared / (2 * sigma * sigma)[bump])

    target = (maps[bump] * height + row) * width + column
    heatmaps.view(-1).scatter_reduce_(0, target, height_of_bump, "amax")


def draw_maps(heatmaps: Tensor, bumps: Tensor) -> None:
    """The same with a whole map for every bump: more work, but none that a GPU is waited for.

    Bumps are taken so many at a time that their maps together keep to `CELLS_AT_ONCE`.
    """
    height, width = heatmaps.shape[1:]
    maps, x, y, radii = bumps.unbind(1)
    reach = radii[:, None]
    sigma = (2 * reach + 1).to(torch.float32) / 6
    rows, columns = (
        torch.where(
            (line - center[:, None]).abs() <= reach,
            torch.exp(-((line - center[:, None]) ** 2) / (2 * sigma * sigma)),
            0.0,
        )
        for line, center in (
            (torch.arange(height, device=x.device), y),
            (torch.arange(width, device=x.device), x),
        )
    )
    flat = heatmaps.flatten(1)
    count = max(1, CELLS_AT_ONCE // max(height * width, 1))
    for target, row, column in zip(
        maps.split(count), rows.split(count), columns.split(count), strict=True
    ):
        values = (row[:, :, None] * column[:, None]).flatten(1)
        flat.scatter_reduce_(0, target[:, None].expand_as(values), values, "amax")
