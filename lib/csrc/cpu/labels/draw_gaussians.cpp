// Gaussians in heat maps, combined by their maximum.

#include <ATen/ATen.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace e2ec {
namespace {

// One gaussian in a map (height, width); `line` is memory to be used again.
void draw_gaussian(int64_t x, int64_t y, int64_t radius, int64_t height, int64_t width, float* map,
               std::vector<float>& line) {
  const float sigma = static_cast<float>(2 * radius + 1) / 6;
  line.resize(radius + 1);  // a Gaussian is the product of its row and its column
  for (int64_t i = 0; i <= radius; ++i) {
    line[i] = std::exp(-static_cast<float>(i * i) / (2 * sigma * sigma));
  }
  const int64_t left = std::max<int64_t>(x - radius, 0), right = std::min(x + radius, width - 1);
  const int64_t top = std::max<int64_t>(y - radius, 0), bottom = std::min(y + radius, height - 1);
  for (int64_t row = top; row <= bottom; ++row) {
    float* const cell = map + row * width;
    const float factor = line[std::abs(row - y)];
    for (int64_t column = left; column <= right; ++column) {
      cell[column] = std::max(cell[column], factor * line[std::abs(column - x)]);
    }
  }
}

void draw_gaussians(const at::Tensor& heatmaps, const at::Tensor& gaussians) {
  TORCH_CHECK(heatmaps.dim() == 3 && heatmaps.scalar_type() == at::kFloat &&
                  heatmaps.is_contiguous(),
              "draw_gaussians: heatmaps must be contiguous float32 (maps, height, width)");
  TORCH_CHECK(gaussians.dim() == 2 && gaussians.size(1) == 4 && gaussians.scalar_type() == at::kLong,
              "draw_gaussians: gaussians must be int64 (n, 4)");
  const int64_t maps = heatmaps.size(0), height = heatmaps.size(1), width = heatmaps.size(2);
  const at::Tensor packed = gaussians.contiguous();
  const int64_t* gaussian = packed.const_data_ptr<int64_t>();
  float* const data = heatmaps.mutable_data_ptr<float>();
  std::vector<float> line;
  for (int64_t i = 0; i < packed.size(0); ++i, gaussian += 4) {
    const int64_t map = gaussian[0], x = gaussian[1], y = gaussian[2], radius = gaussian[3];
    TORCH_CHECK(map >= 0 && map < maps && x >= 0 && x < width && y >= 0 && y < height &&
                    radius >= 0 && radius <= height + width,
                "draw_gaussians: a Gaussian lies outside of the maps, or its radius is negative or absurd");
    draw_gaussian(x, y, radius, height, width, data + map * height * width, line);
  }
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("draw_gaussians", &draw_gaussians); }

}  // namespace e2ec
