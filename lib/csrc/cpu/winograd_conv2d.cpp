// 3x3 convolution, stride 1, padding 1, by minimal filtering: Winograd's F(4x4, 3x3) with the four
// points +-a, +-b (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016).
//
// A tile of 4x4 output pixels needs 36 products a pair of channels in place of 144. The tiles of a
// block are transformed, multiplied with the weight as 36 matrix products, and transformed back,
// all within the second level cache. Blocks are spread over the threads.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/library.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "multiversion.h"

namespace e2ec {
namespace {

using at::Tensor;

constexpr int64_t kOut = 4, kIn = 6, kProducts = kIn * kIn, kLanes = 16;
constexpr int64_t kBlockBytes = 1024 * 1024, kFewest = 8, kMinTiles = 16, kMaxTiles = 128;

// sqrt(1/2) and sqrt(2) lose fewer digits than the usual 1 and 2; `winograd_weight` in Python uses
// the same.
constexpr float kA2 = 0.5f, kB2 = 2.0f, kA = 0.70710678118654752f, kB = 1.41421356237309505f;

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));

struct Shape {
  int64_t batch, height, width, channels, out_channels, padded_out, tile_rows, tile_columns;

  int64_t tiles() const { return batch * tile_rows * tile_columns; }
};

// Six values along a line to six factors; they stand `step` apart.
E2EC_INLINE void transform_in(const Vec* from, Vec* to, int64_t step) {
  const Vec d0 = from[0], d1 = from[step], d2 = from[2 * step], d3 = from[3 * step],
            d4 = from[4 * step], d5 = from[5 * step];
  const Vec even_a = d4 - kB2 * d2, odd_a = kA * (d3 - kB2 * d1);
  const Vec even_b = d4 - kA2 * d2, odd_b = kB * (d3 - kA2 * d1);
  to[0] = kA2 * kB2 * d0 - (kA2 + kB2) * d2 + d4;
  to[step] = even_a + odd_a;
  to[2 * step] = even_a - odd_a;
  to[3 * step] = even_b + odd_b;
  to[4 * step] = even_b - odd_b;
  to[5 * step] = kA2 * kB2 * d1 - (kA2 + kB2) * d3 + d5;
}

// Six products along a line to four values.
E2EC_INLINE void transform_out(const Vec* from, Vec* to, int64_t step) {
  const Vec sum_a = from[step] + from[2 * step], difference_a = from[step] - from[2 * step];
  const Vec sum_b = from[3 * step] + from[4 * step], difference_b = from[3 * step] - from[4 * step];
  to[0] = from[0] + sum_a + sum_b;
  to[step] = kA * difference_a + kB * difference_b;
  to[2 * step] = kA2 * sum_a + kB2 * sum_b;
  to[3 * step] = kA * kA2 * difference_a + kB * kB2 * difference_b + from[5 * step];
}

// Tiles [begin, end) of the image to factors (36, tiles, channels); outside of it are zeros.
E2EC_MULTIVERSION
void tiles_in(const Shape& shape, const float* image, const float* zeros, int64_t begin,
              int64_t end, float* factors) {
  const int64_t plane = (end - begin) * shape.channels;
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t row = tile / shape.tile_columns;
    const int64_t index = row / shape.tile_rows;
    const int64_t top = row % shape.tile_rows * kOut - 1;
    const int64_t left = tile % shape.tile_columns * kOut - 1;
    const float* pixels[kProducts];
    for (int64_t k = 0; k < kProducts; ++k) {
      const int64_t y = top + k / kIn, x = left + k % kIn;
      const bool inside = y >= 0 && y < shape.height && x >= 0 && x < shape.width;
      pixels[k] = inside
                      ? image + ((index * shape.height + y) * shape.width + x) * shape.channels
                      : zeros;
    }
    float* const to = factors + (tile - begin) * shape.channels;
    for (int64_t c = 0; c < shape.channels; c += kLanes) {
      Vec values[kProducts];
      for (int64_t k = 0; k < kProducts; ++k) std::memcpy(&values[k], pixels[k] + c, sizeof(Vec));
      for (int64_t x = 0; x < kIn; ++x) transform_in(values + x, values + x, kIn);
      for (int64_t y = 0; y < kIn; ++y) transform_in(values + y * kIn, values + y * kIn, 1);
      for (int64_t k = 0; k < kProducts; ++k) {
        std::memcpy(to + k * plane + c, &values[k], sizeof(Vec));
      }
    }
  }
}

// Products (36, tiles, padded_out) to tiles [begin, end) of the output.
E2EC_MULTIVERSION
void tiles_out(const Shape& shape, const float* products, const float* bias, bool relu,
               int64_t begin, int64_t end, float* output) {
  const int64_t plane = (end - begin) * shape.padded_out;
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t row = tile / shape.tile_columns;
    const int64_t index = row / shape.tile_rows;
    const int64_t top = row % shape.tile_rows * kOut, left = tile % shape.tile_columns * kOut;
    const int64_t rows = std::min(kOut, shape.height - top);
    const int64_t columns = std::min(kOut, shape.width - left);
    const float* const from = products + (tile - begin) * shape.padded_out;
    float* const to =
        output + ((index * shape.height + top) * shape.width + left) * shape.out_channels;
    for (int64_t c = 0; c < shape.out_channels; c += kLanes) {
      Vec values[kProducts], summand;
      for (int64_t k = 0; k < kProducts; ++k) {
        std::memcpy(&values[k], from + k * plane + c, sizeof(Vec));
      }
      std::memcpy(&summand, bias + c, sizeof(Vec));
      for (int64_t x = 0; x < kIn; ++x) transform_out(values + x, values + x, kIn);
      for (int64_t y = 0; y < kOut; ++y) transform_out(values + y * kIn, values + y * kIn, 1);
      const size_t bytes = std::min(kLanes, shape.out_channels - c) * sizeof(float);
      for (int64_t y = 0; y < rows; ++y) {
        for (int64_t x = 0; x < columns; ++x) {
          Vec value = values[y * kIn + x] + summand;
          if (relu) value = value > 0 ? value : Vec{};
          float* const pixel = to + (y * shape.width + x) * shape.out_channels + c;
          if (bytes == sizeof(Vec)) {
            std::memcpy(pixel, &value, sizeof(Vec));
          } else {
            std::memcpy(pixel, &value, bytes);
          }
        }
      }
    }
  }
}

// Tiles a block: its factors and products fit the cache, and every thread has as many blocks; but
// for a handful of tiles the products would be bound by fetching the weight.
int64_t block_size(const Shape& shape) {
  const int64_t bytes = kProducts * (shape.channels + shape.padded_out) * sizeof(float);
  const int64_t largest = std::clamp(kBlockBytes / bytes, kMinTiles, kMaxTiles);
  const int64_t threads = at::get_num_threads();
  const int64_t rounds = at::divup(shape.tiles(), threads * largest);
  return std::max(at::divup(shape.tiles(), threads * rounds), kFewest);
}

Tensor winograd_conv2d(const Tensor& input, const Tensor& weight,
                       const std::optional<Tensor>& bias, int64_t out_channels, bool relu) {
  TORCH_CHECK(input.dim() == 4 && input.scalar_type() == at::kFloat,
              "winograd_conv2d: input must be (B, C, H, W) float32");
  TORCH_CHECK(weight.dim() == 3 && weight.scalar_type() == at::kFloat && weight.is_contiguous() &&
                  weight.size(0) == kProducts && weight.size(1) == input.size(1) &&
                  weight.size(1) % kLanes == 0 && weight.size(2) % kLanes == 0,
              "winograd_conv2d: the weight must come from winograd_weight and fit the input");
  TORCH_CHECK(out_channels > 0 && out_channels <= weight.size(2) &&
                  weight.size(2) - out_channels < kLanes,
              "winograd_conv2d: the weight has another number of output channels");
  TORCH_CHECK(!bias || (bias->dim() == 1 && bias->size(0) == out_channels &&
                        bias->scalar_type() == at::kFloat),
              "winograd_conv2d: the bias must be (out_channels,) float32");
  const Tensor image = input.contiguous(at::MemoryFormat::ChannelsLast);
  const Shape shape{input.size(0),  input.size(2),  input.size(3),
                    input.size(1),  out_channels,   weight.size(2),
                    at::divup(input.size(2), kOut), at::divup(input.size(3), kOut)};
  const Tensor output =
      at::empty({shape.batch, out_channels, shape.height, shape.width},
                input.options().memory_format(at::MemoryFormat::ChannelsLast));
  if (output.numel() == 0) return output;
  const Tensor zeros = at::zeros({shape.channels}, input.options());
  const Tensor summand = at::zeros({shape.padded_out}, input.options());
  if (bias) summand.narrow(0, 0, out_channels).copy_(*bias);

  const int64_t block = block_size(shape);
  at::parallel_for(0, at::divup(shape.tiles(), block), 1, [&](int64_t first, int64_t last) {
    // Worker threads do not inherit the caller's dispatch state.
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor factors = at::empty({kProducts * block * shape.channels}, input.options());
    const Tensor products = at::empty({kProducts * block * shape.padded_out}, input.options());
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = i * block, end = std::min(begin + block, shape.tiles());
      const int64_t tiles = end - begin;
      tiles_in(shape, image.const_data_ptr<float>(), zeros.const_data_ptr<float>(), begin, end,
               factors.mutable_data_ptr<float>());
      Tensor product = products.narrow(0, 0, kProducts * tiles * shape.padded_out)
                           .view({kProducts, tiles, shape.padded_out});
      at::bmm_out(product,
                  factors.narrow(0, 0, kProducts * tiles * shape.channels)
                      .view({kProducts, tiles, shape.channels}),
                  weight);
      tiles_out(shape, products.const_data_ptr<float>(), summand.const_data_ptr<float>(), relu,
                begin, end, output.mutable_data_ptr<float>());
    }
  });
  return output;
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("winograd_conv2d", &winograd_conv2d); }

}  // namespace e2ec
