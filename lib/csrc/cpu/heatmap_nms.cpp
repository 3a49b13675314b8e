// The peaks of score maps: every value that none of its eight neighbours exceeds.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>

#include "multiversion.h"

namespace e2ec {
namespace {

constexpr int64_t kValuesPerThread = 1 << 15;

// One row of cells of `channels` values each; `around` holds the rows above, itself and below.
template <typename Value>
E2EC_INLINE void heatmap_nms_of_row(const Value* const around[3], int64_t width, int64_t channels,
                                   Value* result) {
  for (int64_t x = 0; x < width; ++x, result += channels) {
    // At the sides of the map the cell's own column stands for the missing one.
    const int64_t left = std::max<int64_t>(x - 1, 0) * channels, middle = x * channels;
    const int64_t right = std::min(x + 1, width - 1) * channels;
    const Value *const above = around[0], *const row = around[1], *const below = around[2];
    for (int64_t c = 0; c < channels; ++c) {
      const Value value = row[middle + c];
      // Comparisons with NaN are false: beside one there is no peak.
      const bool peak = (value >= above[left + c]) & (value >= above[middle + c]) &
                        (value >= above[right + c]) & (value >= row[left + c]) &
                        (value >= row[right + c]) & (value >= below[left + c]) &
                        (value >= below[middle + c]) & (value >= below[right + c]);
      result[c] = peak ? value : Value(0);
    }
  }
}

E2EC_MULTIVERSION void heatmap_nms_of_row_float(const float* const around[3], int64_t width,
                                               int64_t channels, float* result) {
  heatmap_nms_of_row(around, width, channels, result);
}

E2EC_MULTIVERSION void heatmap_nms_of_row_double(const double* const around[3], int64_t width,
                                                int64_t channels, double* result) {
  heatmap_nms_of_row(around, width, channels, result);
}

template <typename Value, typename OfRow>
void heatmap_nms_of_maps(const at::Tensor& scores, at::Tensor& peaks, OfRow of_row) {
  const int64_t height = scores.size(1), width = scores.size(2), channels = scores.size(3);
  const int64_t row_size = width * channels;
  const Value* const from = scores.const_data_ptr<Value>();
  Value* const to = peaks.mutable_data_ptr<Value>();
  const int64_t grain = std::max<int64_t>(kValuesPerThread / row_size, 1);
  at::parallel_for(0, scores.size(0) * height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Value* const middle = from + row * row_size;
      const int64_t y = row % height;
      const Value* const around[3] = {y > 0 ? middle - row_size : middle, middle,
                                      y + 1 < height ? middle + row_size : middle};
      of_row(around, width, channels, to + row * row_size);
    }
  });
}

at::Tensor heatmap_nms(const at::Tensor& scores) {
  TORCH_CHECK(scores.dim() == 4, "heatmap_nms: scores must be (B, height, width, C)");
  TORCH_CHECK(scores.scalar_type() == at::kFloat || scores.scalar_type() == at::kDouble,
              "heatmap_nms: scores must be float32 or float64");
  const at::Tensor packed = scores.contiguous();
  at::Tensor peaks = at::empty(packed.sizes(), packed.options());
  if (packed.numel() == 0) return peaks;
  if (packed.scalar_type() == at::kFloat) {
    heatmap_nms_of_maps<float>(packed, peaks, heatmap_nms_of_row_float);
  } else {
    heatmap_nms_of_maps<double>(packed, peaks, heatmap_nms_of_row_double);
  }
  return peaks;
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("heatmap_nms", &heatmap_nms); }

}  // namespace e2ec
