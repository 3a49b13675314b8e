"""Operators that PyTorch lacks: deformable convolution and polygon rasterisation."""

from __future__ import annotations

from lib.ops.deform_conv2d import deform_conv2d
from lib.ops.library import load_compiled_kernels, register_triton_kernels
from lib.ops.rasterize_polygons import rasterize_polygons

__all__ = ["deform_conv2d", "rasterize_polygons"]

load_compiled_kernels()
register_triton_kernels()
