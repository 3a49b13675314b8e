"""The benchmark of polygon work compares like with like."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.testing import assert_allclose, assert_array_equal

from dataset.contour.targets import TargetSettings
from e2ec.bench.plain_labels import plain_labels
from e2ec.bench.polygons import CLASSES, CROP, labels_at_once, rows


def test_all_sides_of_a_row_give_the_same() -> None:
    names = set()
    for row in rows():
        names.add(row.name)
        ours = row.ours()
        for name, peer in row.peers.items():
            assert peer is not None, name
            if "soft masks" in row.name:  # sums, in another order
                torch.testing.assert_close(ours, peer(), rtol=1e-5, atol=2e-5)
            elif "OpenCV" in name:
                _assert_same_but_for_borders(ours, peer())
            else:
                _assert_same(ours, peer())
    assert len(names) == 9


def _assert_same_but_for_borders(ours: object, peer: object) -> None:
    """At least every pixel that has no other value around it."""
    assert isinstance(ours, torch.Tensor) and isinstance(peer, np.ndarray)
    assert ours.shape == peer.shape
    around = np.ones((5, 5), np.uint8)
    for mask, other in zip(ours.numpy().astype(np.uint8), peer, strict=True):
        inside = cv2.erode(mask, around, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        outside = cv2.dilate(mask, around) == 0
        assert other[inside].all() and not other[outside].any()


def _assert_same(ours: object, peer: object) -> None:
    if isinstance(ours, list) and isinstance(peer, list):  # run lengths
        assert ours == [one["counts"] for one in peer]
    elif isinstance(ours, torch.Tensor) and isinstance(peer, np.ndarray):  # masks
        assert_array_equal(ours.numpy(), peer.transpose(2, 0, 1))
    else:
        assert isinstance(ours, tuple) and isinstance(peer, tuple)
        for one, other in zip(ours, peer, strict=True):
            assert_allclose(one, other, atol=3e-7)


def test_plain_labels_are_those_of_the_loader() -> None:
    square = [np.array([[0.0, 0.0], [80.0, 0.0], [80.0, 80.0], [0.0, 80.0]])]
    plain = plain_labels(square, [3], TargetSettings(), num_classes=CLASSES, size=CROP)
    _assert_same(labels_at_once(square, np.array([3])), plain)
