// Polygon rasterisation, bit for bit as the COCO mask tools do it.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "polygon_toggles.h"

namespace e2ec {
namespace {

// Threads are woken for so many pixels each, 100 microseconds of work and more.
constexpr int64_t kPixelsPerThread = 1 << 20;

// Fills a mask (height, width), which holds zeros, from sorted toggles.
//
// Toggles are counted down the columns and rows lie side by side in memory: toggles are marked in
// their pixels, then every row is inverted where the row above it is set.
void fill(const std::vector<int64_t>& toggles, int64_t height, int64_t width, uint8_t* mask) {
  int64_t left = width, right = 0, top = height, bottom = 0;
  const auto mark = [&](int64_t row, int64_t column) {
    mask[row * width + column] ^= 1;
    left = std::min(left, column), right = std::max(right, column + 1);
    top = std::min(top, row);
  };
  for (size_t i = 0; i < toggles.size(); i += 2) {  // a closed outline has pairs of them
    const int64_t first = toggles[i], last = toggles[i + 1];
    if (first == last) continue;
    const int64_t column = first / height, end = (last - 1) / height;
    mark(first - column * height, column);
    // A run that falls over the end of its column goes on at the top of the next one.
    for (int64_t next = column + 1; next <= end; ++next) mark(0, next);
    const int64_t stop = last - end * height;
    if (stop < height) mark(stop, end);
    // The mark behind a run has to be cleared as well.
    bottom = std::max(bottom, end > column ? height : std::min(stop + 1, height));
  }
  for (int64_t row = top + 1; row < bottom; ++row) {
    uint8_t* const pixel = mask + row * width;
    const uint8_t* const above = pixel - width;
    for (int64_t column = left; column < right; ++column) pixel[column] ^= above[column];
  }
}

at::Tensor rasterize_polygons(const at::Tensor& points, const at::Tensor& offsets, int64_t height,
                              int64_t width) {
  const at::Tensor starts = check_polygons("rasterize_polygons", points, offsets, height, width);
  const at::Tensor packed = points.contiguous();
  const int64_t polygons = starts.size(0) - 1;
  const at::Tensor masks =
      at::empty({polygons, height, width}, points.options().dtype(at::kByte));
  const double* point = packed.const_data_ptr<double>();
  const int64_t* start = starts.const_data_ptr<int64_t>();
  uint8_t* const data = masks.mutable_data_ptr<uint8_t>();
  const int64_t grain = std::max<int64_t>(kPixelsPerThread / (height * width), 1);
  at::parallel_for(0, polygons, grain, [&](int64_t begin, int64_t end) {
    PolygonToggles toggles(height, width);
    for (int64_t i = begin; i < end; ++i) {
      uint8_t* const mask = data + i * height * width;
      std::memset(mask, 0, height * width);
      fill(toggles(point + 2 * start[i], start[i + 1] - start[i]), height, width, mask);
    }
  });
  return masks;
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("rasterize_polygons", &rasterize_polygons); }

}  // namespace e2ec
