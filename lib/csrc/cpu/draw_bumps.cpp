// Gaussian bumps in heat maps, combined by their maximum.

#include <ATen/ATen.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace e2ec {
namespace {

// One bump in a map (height, width); `line` is memory to be used again.
void draw_bump(int64_t x, int64_t y, int64_t radius, int64_t height, int64_t width, float* map,
               std::vector<float>& line) {
  const float sigma = static_cast<float>(2 * radius + 1) / 6;
  line.resize(radius + 1);  // a bump is the product of its row and its column
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

void draw_bumps(const at::Tensor& heatmaps, const at::Tensor& bumps) {
  TORCH_CHECK(heatmaps.dim() == 3 && heatmaps.scalar_type() == at::kFloat &&
                  heatmaps.is_contiguous(),
              "draw_bumps: heatmaps must be contiguous float32 (maps, height, width)");
  TORCH_CHECK(bumps.dim() == 2 && bumps.size(1) == 4 && bumps.scalar_type() == at::kLong,
              "draw_bumps: bumps must be int64 (n, 4)");
  const int64_t maps = heatmaps.size(0), height = heatmaps.size(1), width = heatmaps.size(2);
  const at::Tensor packed = bumps.contiguous();
  const int64_t* bump = packed.const_data_ptr<int64_t>();
  float* const data = heatmaps.mutable_data_ptr<float>();
  std::vector<float> line;
  for (int64_t i = 0; i < packed.size(0); ++i, bump += 4) {
    const int64_t map = bump[0], x = bump[1], y = bump[2], radius = bump[3];
    TORCH_CHECK(map >= 0 && map < maps && x >= 0 && x < width && y >= 0 && y < height &&
                    radius >= 0 && radius <= height + width,
                "draw_bumps: a bump lies outside of the maps, or its radius is negative or absurd");
    draw_bump(x, y, radius, height, width, data + map * height * width, line);
  }
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("draw_bumps", &draw_bumps); }

}  // namespace e2ec
