"""Operators that PyTorch lacks: deformable convolution, polygons to masks, labels, peaks."""

from __future__ import annotations

from lib.ops.align_contours import align_contours
from lib.ops.deform_conv2d import deform_conv2d
from lib.ops.draw_bumps import draw_bumps
from lib.ops.keep_peaks import keep_peaks
from lib.ops.key_vertices import key_vertices
from lib.ops.library import load_compiled_kernels, register_triton_kernels
from lib.ops.polygons_to_rle import polygons_to_rle
from lib.ops.rasterize_polygons import rasterize_polygons

__all__ = [
    "align_contours",
    "deform_conv2d",
    "draw_bumps",
    "keep_peaks",
    "key_vertices",
    "polygons_to_rle",
    "rasterize_polygons",
]

load_compiled_kernels()
register_triton_kernels()
