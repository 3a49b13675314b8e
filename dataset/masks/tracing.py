"""Masks to polygons, with the outline exactly on the pixel edges.

Tracing pixel centres, or tracing a label image at level 0.5 of "mask times id", moves the outline
by half a pixel and more; following the edges between pixels does not: rasterising the result gives
the mask back.

The outlines of a mask run along the grid of pixel corners and turn by a right angle at every
vertex. In a line of the grid, the first vertex is joined to the second, the third to the fourth and
so on, and likewise in a column: finding the vertices is all that is to be done, array by array.
"""

from __future__ import annotations

import cv2
import numpy as np


def mask_to_contours(mask: np.ndarray) -> list[np.ndarray]:
    """Outer outline of every 8-connected component of a mask; holes are filled.

    Args:
        mask: (H, W) bool, or numbers where non-zero means inside.

    Returns:
        One (n, 2) float64 closed polygon a component, x then y, pixels, clockwise on screen, with
        vertices on pixel corners (the top-left pixel alone is (0, 0), (1, 0), (1, 1), (0, 1)), in
        reading order of the components' first pixels. Every polygon starts at the top left corner
        of its first pixel.
    """
    window, offset = _tight_window(mask)
    return [ring + offset for ring, is_hole in _trace(window) if not is_hole]


def mask_to_rings(mask: np.ndarray) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """Outer outline of every 8-connected component of a mask together with those of its holes.

    A hole is a 4-connected region of the background that the component encloses; a component
    inside of the hole comes by itself. Filling all rings by the even-odd or the non-zero rule
    gives the mask exactly.

    Args:
        mask: (H, W) bool, or numbers where non-zero means inside.

    Returns:
        By component the outer ring, as in `mask_to_contours`, and its holes in reading order: each
        (n, 2) float64, anticlockwise on screen, starting at the top left corner of the hole.
    """
    window, offset = _tight_window(mask)
    rings = _trace(window)
    if not any(is_hole for _, is_hole in rings):
        return [(ring + offset, []) for ring, _ in rings]
    _, labels = cv2.connectedComponents(window, connectivity=8)
    components: dict[int, tuple[np.ndarray, list[np.ndarray]]] = {}
    for ring, is_hole in rings:
        x, y = int(ring[0, 0]), int(ring[0, 1])
        if is_hole:
            # What lies above the first pixel of a hole is the component around it.
            components[int(labels[y - 1, x])][1].append(ring + offset)
        else:
            components[int(labels[y, x])] = (ring + offset, [])
    return list(components.values())


def _tight_window(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest window of a mask with all that is inside, (h, w) uint8, 0 or 1, and its x, y."""
    if mask.ndim != 2:
        raise ValueError(f"a mask has two dimensions, not shape {mask.shape}")
    if not mask.size:
        return np.zeros((0, 0), np.uint8), np.zeros(2)
    inside = mask != 0
    if inside.flags.f_contiguous:  # as run lengths are decoded, column by column
        top, left, height, width = cv2.boundingRect(inside.T.view(np.uint8))
    else:
        left, top, width, height = cv2.boundingRect(np.ascontiguousarray(inside).view(np.uint8))
    window = np.ascontiguousarray(inside[top : top + height, left : left + width])
    return window.view(np.uint8), np.array([left, top], np.float64)


def _trace(inside: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """The outlines of an (h, w) uint8 mask, and whether each is that of a hole, in reading order.

    A component walks clockwise, a hole anticlockwise, from the first of their vertices.
    """
    if not inside.size:
        return []
    points, following = _vertices(inside)
    path, ends = _cycles(following.tolist())
    starts = np.array(path)
    corners = points[np.stack([starts, starts ^ 1], axis=1).ravel()].astype(np.float64)
    # All walk clockwise so far; the first vertex has its first pixel at the lower right.
    x, y = points[starts[[0, *ends[:-1]]]].T
    is_hole = np.pad(inside, (0, 1))[y, x] == 0
    rings = []
    for start, end, hole in zip([0, *ends[:-1]], ends, is_hole.tolist(), strict=True):
        ring = corners[2 * start : 2 * end]
        rings.append((np.concatenate([ring[:1], ring[:0:-1]]) if hole else ring, hole))
    return rings


def _cycles(successor: list[int]) -> tuple[list[int], list[int]]:
    """The cycles of outlines, one behind the other, and the position behind the end of each.

    A horizontal edge joins vertices 2 i and 2 i + 1; a cycle holds the vertex where each of its
    horizontal edges starts.
    """
    seen = bytearray(len(successor) // 2)
    path: list[int] = []
    ends = []
    for edge in range(len(seen)):
        if not seen[edge]:
            vertex = 2 * edge
            while not seen[vertex >> 1]:
                seen[vertex >> 1] = 1
                path.append(vertex)
                vertex = successor[vertex]
            ends.append(len(path))
    return path, ends


def _vertices(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The vertices of all outlines of an (h, w) uint8 mask, in reading order.

    Returns:
        (n, 2) int, x then y, where 2 i and 2 i + 1 are joined by a horizontal edge; and (n,), for
        each vertex that which comes after its horizontal edge and the vertical edge behind it.
    """
    height, width = inside.shape
    padded = np.zeros((height + 2, width + 2), np.uint8)
    padded[1:-1, 1:-1] = inside
    down = padded[:-1] ^ padded[1:]  # whether a horizontal edge lies between two pixels
    turns = down[:, :-1] ^ down[:, 1:]
    # Two pixels that touch at a corner only: two outlines, or one twice, have a vertex there.
    saddles = down[:, :-1] & down[:, 1:] & (padded[:-1, :-1] ^ padded[:-1, 1:])
    flat = np.flatnonzero((turns | saddles).view(bool))
    flat = np.repeat(flat, 1 + saddles.ravel()[flat])
    y, x = np.divmod(flat, width + 1)

    vertices = np.arange(len(flat))
    ranks = vertices.copy()
    # The left one of two vertices at a corner belongs to the horizontal edge on the left. It takes
    # the vertical edge that keeps the two pixels in one component: the upper one where they lie at
    # the upper right and lower left, else the lower one.
    twice = np.flatnonzero(saddles.ravel()[flat] & padded[y, x])[::2]
    ranks[twice], ranks[twice + 1] = twice + 1, twice
    in_columns = ranks[np.argsort(x, kind="stable")]
    vertical = np.empty_like(vertices)
    vertical[in_columns[::2]], vertical[in_columns[1::2]] = in_columns[1::2], in_columns[::2]
    return np.stack([x, y], axis=1), vertical[vertices ^ 1]
