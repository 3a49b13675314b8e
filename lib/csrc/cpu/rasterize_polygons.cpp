// Polygon rasterisation, bit for bit as the COCO mask tools (rleFrPoly) do it.
//
// Vertices are rounded to a grid five times as fine as the pixels, edges are walked densely on it,
// and wherever the walk crosses the centre of a pixel column the mask is toggled from that row on,
// counted down the columns: a toggle below the last row falls to the top of the next column.
// This file must be compiled without contraction of a * b + c (-ffp-contract=off).

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace e2ec {
namespace {

constexpr double kScale = 5;
constexpr double kLargestCoordinate = 1e6;

struct Vertex {
  int x, y;  // on the fine grid
};

class Rasterizer {
 public:
  Rasterizer(int64_t height, int64_t width) : height_(height), width_(width) {}

  // Fills `mask` (height, width), which holds zeros.
  void operator()(const double* points, int64_t count, uint8_t* mask) {
    toggles_.clear();
    const Vertex first = vertex(points);
    Vertex from = first;
    for (int64_t i = 1; i <= count; ++i) {
      const Vertex to = i < count ? vertex(points + 2 * i) : first;
      walk(from, to);
      from = to;
    }
    std::sort(toggles_.begin(), toggles_.end());
    toggles_.push_back(height_ * width_);
    for (size_t i = 0; i + 1 < toggles_.size(); i += 2) fill(toggles_[i], toggles_[i + 1], mask);
  }

 private:
  static Vertex vertex(const double* point) {
    // The conversion cuts towards zero, also for negative coordinates.
    return {static_cast<int>(kScale * point[0] + .5), static_cast<int>(kScale * point[1] + .5)};
  }

  void walk(const Vertex& from, const Vertex& to) {
    const int dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
    if (dx == 0) return;  // never changes its column
    // Edges are walked from the smaller to the larger coordinate, so that neighbours agree.
    const bool swap = dx >= dy ? from.x > to.x : from.y > to.y;
    const Vertex &start = swap ? to : from, &stop = swap ? from : to;
    if (dx >= dy) {
      const double slope = static_cast<double>(stop.y - start.y) / dx;
      int previous = start.y;
      for (int t = 1; t <= dx; ++t) {
        const int y = static_cast<int>(start.y + slope * t + .5);
        cross(start.x + t - 1, std::min(y, previous));
        previous = y;
      }
    } else {
      const double slope = static_cast<double>(stop.x - start.x) / dy;
      int previous = start.x;
      for (int t = 1; t <= dy; ++t) {
        const int x = static_cast<int>(start.x + slope * t + .5);
        if (x != previous) cross(std::min(x, previous), start.y + t - 1);
        previous = x;
      }
    }
  }

  // The walk steps between fine columns `x` and `x + 1`, on rows not above `y`.
  void cross(int x, int y) {
    const double column = (x + .5) / kScale - .5;
    if (std::floor(column) != column || column < 0 || column > width_ - 1) return;
    const double row = std::clamp((y + .5) / kScale - .5, 0., static_cast<double>(height_));
    toggles_.push_back(static_cast<int64_t>(column) * height_ +
                       static_cast<int64_t>(std::ceil(row)));
  }

  // Sets the pixels from `begin` up to `end`, counted down the columns.
  void fill(int64_t begin, int64_t end, uint8_t* mask) const {
    while (begin < end) {
      const int64_t column = begin / height_;
      const int64_t stop = std::min(end, (column + 1) * height_);
      uint8_t* pixel = mask + (begin - column * height_) * width_ + column;
      for (; begin < stop; ++begin, pixel += width_) *pixel = 1;
    }
  }

  int64_t height_, width_;
  std::vector<int64_t> toggles_;
};

void check(const at::Tensor& points, const at::Tensor& lengths, int64_t height, int64_t width) {
  TORCH_CHECK(points.dim() == 2 && points.size(1) == 2 && points.scalar_type() == at::kDouble,
              "rasterize_polygons: points must be a float64 tensor of shape (total, 2)");
  TORCH_CHECK(lengths.dim() == 1 && lengths.scalar_type() == at::kLong,
              "rasterize_polygons: lengths must be an int64 tensor with one dimension");
  TORCH_CHECK(height > 0 && width > 0, "rasterize_polygons: height and width must be positive");
  TORCH_CHECK(points.numel() == 0 || points.abs().le(kLargestCoordinate).all().item<bool>(),
              "rasterize_polygons: coordinates must be finite and at most 1e6");
  TORCH_CHECK(lengths.numel() == 0 || lengths.ge(1).all().item<bool>(),
              "rasterize_polygons: a polygon has no points");
  TORCH_CHECK(lengths.sum().item<int64_t>() == points.size(0),
              "rasterize_polygons: lengths do not add up to the number of points");
}

at::Tensor rasterize_polygons(const at::Tensor& points, const at::Tensor& lengths, int64_t height,
                              int64_t width) {
  check(points, lengths, height, width);
  const at::Tensor packed = points.contiguous(), counts = lengths.contiguous();
  const at::Tensor starts = counts.cumsum(0).sub_(counts);
  const at::Tensor masks =
      at::zeros({counts.size(0), height, width}, points.options().dtype(at::kByte));
  const double* point = packed.const_data_ptr<double>();
  const int64_t* count = counts.const_data_ptr<int64_t>();
  const int64_t* start = starts.const_data_ptr<int64_t>();
  uint8_t* mask = masks.mutable_data_ptr<uint8_t>();
  at::parallel_for(0, counts.size(0), 1, [&](int64_t begin, int64_t end) {
    Rasterizer rasterize(height, width);
    for (int64_t i = begin; i < end; ++i) {
      rasterize(point + 2 * start[i], count[i], mask + i * height * width);
    }
  });
  return masks;
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("rasterize_polygons", &rasterize_polygons); }

}  // namespace e2ec
