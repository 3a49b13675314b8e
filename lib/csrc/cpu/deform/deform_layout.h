// Between tensors of images and rows of channels.

#pragma once

#include <ATen/ATen.h>

namespace e2ec {

// ChannelsLast where the tensor clearly is, Contiguous otherwise.
at::MemoryFormat layout_like(const at::Tensor& tensor);

// (B, C, H, W) as (B, H * W, C) in memory; free for channels_last tensors.
at::Tensor channels_innermost(const at::Tensor& tensor);

// The other way round, with the shape and the layout of `like`.
at::Tensor from_channels_innermost(const at::Tensor& image, const at::Tensor& like);

// (B, C, H, W) seen as rows of channels, (B, H * W, C).
at::Tensor as_rows(const at::Tensor& tensor);

}  // namespace e2ec
