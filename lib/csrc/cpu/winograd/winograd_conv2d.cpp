// 3x3 convolution, stride 1, padding 1, by minimal filtering: F(4x4, 3x3), see winograd_lines.h.
//
// A tile of 4x4 output pixels needs 36 products a pair of channels in place of 144. The tiles of a
// block are transformed, multiplied with the weight as 36 matrix products, and transformed back.
// How many tiles make a block, and which cache they are to fit, is decided in winograd_blocks.h.

#include <ATen/ATen.h>
#include <torch/library.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "winograd_blocks.h"
#include "winograd_lines.h"

namespace e2ec {
namespace {

using at::Tensor;

using Filter = Filter4;
constexpr int64_t kOut = Filter::kOut, kIn = Filter::kIn, kProducts = kIn * kIn;

// As memcpy, which is one instruction for as many bytes as a vector has.
E2EC_INLINE void copy(void* to, const void* from, size_t bytes) {
  if (bytes == sizeof(Vec)) {
    std::memcpy(to, from, sizeof(Vec));
  } else {
    std::memcpy(to, from, bytes);
  }
}

struct Shape {
  int64_t batch, height, width, channels, out_channels, padded_out, tile_rows, tile_columns;

  int64_t tiles() const { return batch * tile_rows * tile_columns; }
};

// Tiles [begin, end) of the image to rows of factors (36, tiles, channels); outside are zeros.
E2EC_MULTIVERSION
void tiles_in(const Shape& shape, const float* image, const float* zeros, int64_t begin,
              int64_t end, int64_t tiles, float* factors) {
  const int64_t plane = tiles * shape.channels;
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
      for (int64_t k = 0; k < kProducts; ++k) load(values[k], pixels[k] + c);
      for (int64_t x = 0; x < kIn; ++x) Filter::in(values + x, values + x, kIn);
      for (int64_t y = 0; y < kIn; ++y) Filter::in(values + y * kIn, values + y * kIn, 1);
      for (int64_t k = 0; k < kProducts; ++k) store(to + k * plane + c, values[k]);
    }
  }
}

// Rows of products (36, tiles, padded_out) to tiles [begin, end) of the output. `residual`, which
// may be null, lies as the output does.
E2EC_MULTIVERSION
void tiles_out(const Shape& shape, const float* products, const float* bias,
               const float* residual, bool relu, int64_t begin, int64_t end, int64_t tiles,
               float* output) {
  const int64_t plane = tiles * shape.padded_out;
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t row = tile / shape.tile_columns;
    const int64_t index = row / shape.tile_rows;
    const int64_t top = row % shape.tile_rows * kOut, left = tile % shape.tile_columns * kOut;
    const int64_t rows = std::min(kOut, shape.height - top);
    const int64_t columns = std::min(kOut, shape.width - left);
    const float* const from = products + (tile - begin) * shape.padded_out;
    const int64_t corner =
        ((index * shape.height + top) * shape.width + left) * shape.out_channels;
    for (int64_t c = 0; c < shape.out_channels; c += kLanes) {
      Vec values[kProducts], summand;
      for (int64_t k = 0; k < kProducts; ++k) load(values[k], from + k * plane + c);
      load(summand, bias + c);
      for (int64_t x = 0; x < kIn; ++x) Filter::out(values + x, values + x, kIn);
      for (int64_t y = 0; y < kOut; ++y) Filter::out(values + y * kIn, values + y * kIn, 1);
      const size_t bytes = std::min(kLanes, shape.out_channels - c) * sizeof(float);
      for (int64_t y = 0; y < rows; ++y) {
        for (int64_t x = 0; x < columns; ++x) {
          const int64_t place = corner + (y * shape.width + x) * shape.out_channels + c;
          Vec value = values[y * kIn + x] + summand;
          if (residual) {
            Vec before{};
            copy(&before, residual + place, bytes);
            value += before;
          }
          if (relu) value = value < 0 ? Vec{} : value;  // NaN stays NaN
          copy(output + place, &value, bytes);
        }
      }
    }
  }
}

Tensor winograd_conv2d(const Tensor& input, const Tensor& weight,
                       const std::optional<Tensor>& bias, const std::optional<Tensor>& residual,
                       int64_t out_channels, bool relu) {
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
  const std::vector<int64_t> size = {input.size(0), out_channels, input.size(2), input.size(3)};
  TORCH_CHECK(!residual || (residual->sizes() == size && residual->scalar_type() == at::kFloat),
              "winograd_conv2d: the residual must be float32 of the output's size");
  const Tensor image = input.contiguous(at::MemoryFormat::ChannelsLast);
  const Shape shape{input.size(0),  input.size(2),  input.size(3),
                    input.size(1),  out_channels,   weight.size(2),
                    at::divup(input.size(2), kOut), at::divup(input.size(3), kOut)};
  const Tensor output =
      at::empty(size, input.options().memory_format(at::MemoryFormat::ChannelsLast));
  if (output.numel() == 0) return output;
  const Tensor zeros = at::zeros({shape.channels}, input.options());
  const Tensor summand = at::zeros({shape.padded_out}, input.options());
  const Tensor before = residual ? residual->contiguous(at::MemoryFormat::ChannelsLast) : Tensor();
  if (bias) summand.narrow(0, 0, out_channels).copy_(*bias);

  for_blocks(
      shape.tiles(), weight,
      [&](int64_t begin, int64_t end, int64_t tiles, float* factors) {
        tiles_in(shape, image.const_data_ptr<float>(), zeros.const_data_ptr<float>(), begin, end,
                 tiles, factors);
      },
      [&](int64_t begin, int64_t end, int64_t tiles, const float* products) {
        tiles_out(shape, products, summand.const_data_ptr<float>(),
                  before.defined() ? before.const_data_ptr<float>() : nullptr, relu, begin, end,
                  tiles, output.mutable_data_ptr<float>());
      });
  return output;
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("winograd_conv2d", &winograd_conv2d); }

}  // namespace e2ec
