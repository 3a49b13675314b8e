// Between tensors of images and rows of channels.

#include "deform_layout.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>

namespace e2ec {
namespace {

using at::Tensor;

bool is_channels_last(const Tensor& tensor) {
  return tensor.is_contiguous(at::MemoryFormat::ChannelsLast) && !tensor.is_contiguous();
}

// (B, M, N) -> (B, N, M), contiguous. One image at a time, because only the copy of a transposed
// matrix is fast in ATen: five times as fast as contiguous(MemoryFormat::ChannelsLast).
Tensor transpose_images(const Tensor& from) {
  const Tensor to = at::empty({from.size(0), from.size(2), from.size(1)}, from.options());
  at::parallel_for(0, from.size(0), 1, [&](int64_t begin, int64_t end) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    for (int64_t i = begin; i < end; ++i) to[i].copy_(from[i].t());
  });
  return to;
}

}  // namespace

at::MemoryFormat layout_like(const Tensor& tensor) {
  return is_channels_last(tensor) ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

Tensor channels_innermost(const Tensor& tensor) {
  if (is_channels_last(tensor)) return tensor.permute({0, 2, 3, 1}).flatten(1, 2);
  return transpose_images(tensor.contiguous().flatten(2));
}

Tensor from_channels_innermost(const Tensor& image, const Tensor& like) {
  if (!is_channels_last(like)) return transpose_images(image).view(like.sizes());
  return image.view({like.size(0), like.size(2), like.size(3), like.size(1)})
      .permute({0, 3, 1, 2});
}

Tensor as_rows(const Tensor& tensor) {
  return tensor.permute({0, 2, 3, 1})
      .view({tensor.size(0), tensor.size(2) * tensor.size(3), tensor.size(1)});
}

}  // namespace e2ec
