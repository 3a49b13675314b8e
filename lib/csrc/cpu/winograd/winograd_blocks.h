// The steps of a convolution by minimal filtering, block by block of tiles.

#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>

#include <algorithm>

namespace e2ec {

constexpr int64_t kFewestTiles = 8;

// Tiles a block: its factors and products fit the second level cache, and every thread has as many
// blocks; but for a handful of tiles the time would go into fetching the weight.
inline int64_t block_size(int64_t tiles, const at::Tensor& weight) {
  constexpr int64_t kBytes = 1024 * 1024, kMinimum = 16, kMaximum = 128;
  const int64_t row_bytes =
      weight.size(0) * (weight.size(1) + weight.size(2)) * static_cast<int64_t>(sizeof(float));
  const int64_t fitting = std::clamp(kBytes / row_bytes, kMinimum, kMaximum);
  const int64_t threads = at::get_num_threads();
  return std::max(at::divup(tiles, threads * at::divup(tiles, threads * fitting)), kFewestTiles);
}

// Whether to take all tiles at once: a weight beyond the second level cache is read once then and
// not once a block, and the factors and products of so few tiles still fit the third level cache.
inline bool one_block(int64_t tiles, const at::Tensor& weight) {
  constexpr int64_t kWeight = 1 << 20, kValues = 2 << 20;  // floats
  const int64_t values = tiles * weight.size(0) * (weight.size(1) + weight.size(2));
  return weight.numel() >= kWeight && values <= kValues;
}

// For every block of tiles: transform_in(begin, end, tiles, factors) fills its rows of factors
// (products, tiles, channels), which are multiplied with the weight (products, channels,
// out_channels), and transform_out(begin, end, tiles, products) takes its rows of (products, tiles,
// out_channels). The pointers are those of the block's first row. All is spread over the threads.
template <typename TransformIn, typename TransformOut>
void for_blocks(int64_t tiles, const at::Tensor& weight, const TransformIn& transform_in,
                const TransformOut& transform_out) {
  if (tiles == 0) return;
  const int64_t count = weight.size(0), channels = weight.size(1), out_channels = weight.size(2);
  if (one_block(tiles, weight)) {
    // Autocast would multiply in bfloat16.
    const at::AutoDispatchBelowADInplaceOrView guard;
    const at::Tensor factors = at::empty({count, tiles, channels}, weight.options());
    float* const to = factors.mutable_data_ptr<float>();
    at::parallel_for(0, tiles, kFewestTiles, [&](int64_t begin, int64_t end) {
      transform_in(begin, end, tiles, to + begin * channels);
    });
    at::Tensor products = at::empty({count, tiles, out_channels}, weight.options());
    at::bmm_out(products, factors, weight);
    const float* const from = products.const_data_ptr<float>();
    at::parallel_for(0, tiles, kFewestTiles, [&](int64_t begin, int64_t end) {
      transform_out(begin, end, tiles, from + begin * out_channels);
    });
    return;
  }
  const int64_t block = block_size(tiles, weight);
  at::parallel_for(0, at::divup(tiles, block), 1, [&](int64_t first, int64_t last) {
    // Worker threads do not inherit the caller's dispatch state.
    const at::AutoDispatchBelowADInplaceOrView guard;
    const at::Tensor factors = at::empty({count * block * channels}, weight.options());
    const at::Tensor products = at::empty({count * block * out_channels}, weight.options());
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = i * block, end = std::min(begin + block, tiles), mine = end - begin;
      transform_in(begin, end, mine, factors.mutable_data_ptr<float>());
      at::Tensor out = products.narrow(0, 0, count * mine * out_channels)
                           .view({count, mine, out_channels});
      at::bmm_out(out,
                  factors.narrow(0, 0, count * mine * channels).view({count, mine, channels}),
                  weight);
      transform_out(begin, end, mine, products.const_data_ptr<float>());
    }
  });
}

}  // namespace e2ec
