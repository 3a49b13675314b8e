"""Operators that PyTorch lacks: deformable convolution, polygons, labels, peaks, walks."""

from __future__ import annotations

from lib.ops.contours.walk_to_flip import walk_to_flip
from lib.ops.deform.deform_conv2d import deform_conv2d
from lib.ops.heatmap_nms import heatmap_nms
from lib.ops.labels.align_contours import align_contours
from lib.ops.labels.draw_gaussians import draw_gaussians
from lib.ops.labels.key_vertices import key_vertices
from lib.ops.library import load_compiled_kernels, register_triton_kernels
from lib.ops.polygons.polygons_to_rle import polygons_to_rle
from lib.ops.polygons.rasterize_polygons import rasterize_polygons
from lib.ops.polygons.signed_distances import signed_distances
from lib.ops.polygons.soft_rasterize import soft_rasterize
from lib.ops.winograd.winograd_conv2d import winograd_conv2d, winograd_weight
from lib.ops.winograd.winograd_snake_block import snake_block_weight, winograd_snake_block

__all__ = [
    "align_contours",
    "deform_conv2d",
    "draw_gaussians",
    "heatmap_nms",
    "key_vertices",
    "polygons_to_rle",
    "rasterize_polygons",
    "signed_distances",
    "snake_block_weight",
    "soft_rasterize",
    "walk_to_flip",
    "winograd_conv2d",
    "winograd_snake_block",
    "winograd_weight",
]

load_compiled_kernels()
register_triton_kernels()
