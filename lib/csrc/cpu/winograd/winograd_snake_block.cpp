// A snake's block, out = norm(relu(circular convolution of nine taps)) [+ in], by minimal
// filtering: F(12, 9) as F(4, 3) x F(3, 3), see winograd_lines.h.
//
// Tap 3a + b belongs to row a and column b of a 3x3 filter. A tile of twelve vertices is a map of
// 4x3, vertex 3r + c in row r and column c; what it reads is a map of 6x5 in which most vertices
// stand several times. 30 products a pair of channels take the place of 108.

#include <ATen/ATen.h>
#include <ATen/MemoryOverlap.h>
#include <torch/library.h>

#include <algorithm>
#include <numeric>

#include "winograd_blocks.h"
#include "winograd_lines.h"

namespace e2ec {
namespace {

using at::Tensor;

constexpr int64_t kTaps = 9, kReach = kTaps / 2;
constexpr int64_t kTile = Filter4::kOut * Filter3::kOut, kRows = Filter4::kIn;
constexpr int64_t kColumns = Filter3::kIn, kProducts = kRows * kColumns;

// Vertices a dilation apart form `cycles` closed sequences of `length`; tiles lie along each.
struct Shape {
  int64_t contours, vertices, channels, out_channels, dilation, cycles, length, cycle_tiles;

  int64_t tiles() const { return contours * cycles * cycle_tiles; }
};

// Rows of channels, a vertex each.
struct Rows {
  float* data;
  int64_t contour_stride, vertex_stride;

  explicit Rows(const Tensor& tensor)
      : data(tensor.data_ptr<float>()),
        contour_stride(tensor.stride(0)),
        vertex_stride(tensor.stride(1)) {}

  float* at(int64_t contour, int64_t vertex) const {
    return data + contour * contour_stride + vertex * vertex_stride;
  }
};

// Which vertices a tile reads and writes.
struct Tile {
  int64_t contour, cycle, begin;

  Tile(const Shape& shape, int64_t index)
      : contour(index / (shape.cycles * shape.cycle_tiles)),
        cycle(index / shape.cycle_tiles % shape.cycles),
        begin(index % shape.cycle_tiles * kTile) {}

  // The vertex so many steps after the tile's first one; the contour is closed.
  int64_t vertex(const Shape& shape, int64_t step) const {
    const int64_t place = ((begin + step) % shape.length + shape.length) % shape.length;
    return (cycle + place * shape.dilation) % shape.vertices;
  }
};

// Tiles [begin, end) to rows of factors (30, tiles, channels).
E2EC_MULTIVERSION
void vertices_in(const Shape& shape, const Rows& input, int64_t begin, int64_t end,
                 int64_t tiles, float* factors) {
  const int64_t plane = tiles * shape.channels;
  for (int64_t index = begin; index < end; ++index) {
    const Tile tile(shape, index);
    const float* vertices[kProducts];
    for (int64_t k = 0; k < kProducts; ++k) {
      const int64_t step = 3 * (k / kColumns) + k % kColumns - kReach;
      vertices[k] = input.at(tile.contour, tile.vertex(shape, step));
    }
    float* const to = factors + (index - begin) * shape.channels;
    for (int64_t c = 0; c < shape.channels; c += kLanes) {
      Vec values[kProducts];
      for (int64_t k = 0; k < kProducts; ++k) load(values[k], vertices[k] + c);
      for (int64_t x = 0; x < kColumns; ++x) Filter4::in(values + x, values + x, kColumns);
      for (int64_t y = 0; y < kRows; ++y) {
        Filter3::in(values + y * kColumns, values + y * kColumns, 1);
      }
      for (int64_t k = 0; k < kProducts; ++k) store(to + k * plane + c, values[k]);
    }
  }
}

// Rows of products (30, tiles, out_channels) to the vertices of tiles [begin, end). `line` holds
// bias, factor and summand of the normalisation, a row of channels each.
E2EC_MULTIVERSION
void vertices_out(const Shape& shape, const float* products, const float* line,
                  const Rows& residual, bool add, int64_t begin, int64_t end, int64_t tiles,
                  const Rows& output) {
  const int64_t channels = shape.out_channels, plane = tiles * channels;
  for (int64_t index = begin; index < end; ++index) {
    const Tile tile(shape, index);
    const int64_t count = std::min(kTile, shape.length - tile.begin);
    const float* const from = products + (index - begin) * channels;
    for (int64_t c = 0; c < channels; c += kLanes) {
      Vec values[kProducts];
      for (int64_t k = 0; k < kProducts; ++k) load(values[k], from + k * plane + c);
      for (int64_t x = 0; x < kColumns; ++x) Filter4::out(values + x, values + x, kColumns);
      for (int64_t y = 0; y < Filter4::kOut; ++y) {
        Filter3::out(values + y * kColumns, values + y * kColumns, 1);
      }
      Vec bias, factor, summand;
      load(bias, line + c);
      load(factor, line + channels + c);
      load(summand, line + 2 * channels + c);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t vertex = tile.vertex(shape, i);
        Vec value = values[i / Filter3::kOut * kColumns + i % Filter3::kOut] + bias;
        value = (value < 0 ? Vec{} : value) * factor + summand;  // NaN stays NaN
        if (add) {
          Vec before;
          load(before, residual.at(tile.contour, vertex) + c);
          value += before;
        }
        store(output.at(tile.contour, vertex) + c, value);
      }
    }
  }
}

Shape shape_of(const Tensor& input, const Tensor& weight, const Tensor& line, int64_t dilation,
               bool residual, const Tensor& output) {
  for (const Tensor& rows : {input, output}) {
    TORCH_CHECK(rows.dim() == 3 && rows.scalar_type() == at::kFloat && rows.stride(2) == 1,
                "winograd_snake_block: input and output must be (n, N, C) float32 with the "
                "channels side by side");
  }
  TORCH_CHECK(weight.dim() == 3 && weight.scalar_type() == at::kFloat && weight.is_contiguous() &&
                  weight.size(0) == kProducts && weight.size(1) == input.size(2) &&
                  weight.size(2) == output.size(2) && weight.size(1) > 0 &&
                  weight.size(2) > 0 && weight.size(1) % kLanes == 0 &&
                  weight.size(2) % kLanes == 0,
              "winograd_snake_block: the weight must come from snake_block_weight and fit");
  TORCH_CHECK(line.dim() == 2 && line.scalar_type() == at::kFloat && line.is_contiguous() &&
                  line.size(0) == 3 && line.size(1) == output.size(2),
              "winograd_snake_block: bias, factor and summand must be (3, channels) float32");
  TORCH_CHECK(output.size(0) == input.size(0) && output.size(1) == input.size(1) && dilation > 0 &&
                  (!residual || input.size(2) == output.size(2)),
              "winograd_snake_block: input and output do not fit each other");
  at::assert_no_internal_overlap(output);
  at::assert_no_overlap(output, input);
  const int64_t vertices = input.size(1), divisor = std::max<int64_t>(vertices, 1);
  // What a dilation exceeds the contour by is whole turns, and could overflow.
  dilation %= divisor;
  Shape shape{input.size(0), vertices, input.size(2), output.size(2), dilation, 1, 0, 0};
  shape.cycles = std::gcd(dilation, divisor);
  shape.length = shape.vertices / shape.cycles;
  shape.cycle_tiles = at::divup(shape.length, kTile);
  return shape;
}

void winograd_snake_block(const Tensor& input, const Tensor& weight, const Tensor& line,
                          int64_t dilation, bool residual, const Tensor& output) {
  const Shape shape = shape_of(input, weight, line, dilation, residual, output);
  const Rows from(input), to(output);
  for_blocks(
      shape.tiles(), weight,
      [&](int64_t begin, int64_t end, int64_t tiles, float* factors) {
        vertices_in(shape, from, begin, end, tiles, factors);
      },
      [&](int64_t begin, int64_t end, int64_t tiles, const float* products) {
        vertices_out(shape, products, line.const_data_ptr<float>(), from, residual, begin, end,
                     tiles, to);
      });
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("winograd_snake_block", &winograd_snake_block); }

}  // namespace e2ec
