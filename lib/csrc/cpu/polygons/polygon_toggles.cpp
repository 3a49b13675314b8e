// The COCO mask tools round vertices to a grid five times as fine as the pixels and walk the edges
// on it step by step, along their longer side. Where a step crosses the centre of a pixel column
// the mask is inverted from that row on. Here the steps that cross are computed, not looked for:
// the walk is monotone, also in floating point, so one value of it per pixel column is enough.
// This file must be compiled without contraction of a * b + c (-ffp-contract=off).

#include "polygon_toggles.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "../offsets.h"

namespace e2ec {
namespace {

constexpr int kScale = 5;
constexpr double kLargestCoordinate = 1e6;
// The centre of pixel column c lies between the fine columns kScale * c + kCenter and the next one.
constexpr int kCenter = kScale / 2;

int divide_down(int value) { return value >= 0 ? value / kScale : -((kScale - 1 - value) / kScale); }

// The other coordinate after `t` steps; the conversion cuts towards zero, as in the tools.
inline int walked(int start, double slope, int t) {
  return static_cast<int>(start + slope * t + .5);
}

// The columns whose centres lie between two fine columns; before the first or behind the last too.
inline int first_between(int left) { return divide_down(left - kCenter + kScale - 1); }
inline int last_between(int right) { return divide_down(right - kCenter - 1); }

// The first pixel row whose centre does not lie above a fine row.
inline int pixel_row(int fine_row, int height) {
  return std::min(std::max(fine_row + kCenter, 0) / kScale, height);
}

}  // namespace

PolygonToggles::PolygonToggles(int64_t height, int64_t width)
    : height_(height),
      width_(width),
      lowest_(static_cast<int>(std::min<int64_t>(height, std::numeric_limits<int>::max()))) {}

const std::vector<int64_t>& PolygonToggles::operator()(const double* points, int64_t count) {
  round_vertices(points, count);
  others_.clear();
  if (!columns_.empty()) {
    for (int64_t i = 0; i < count; ++i) walk(vertices_[i], vertices_[i + 1]);
  }
  sort();
  return places_;
}

// Also makes room for the columns between the outermost vertices.
void PolygonToggles::round_vertices(const double* points, int64_t count) {
  vertices_.resize(count + 1);
  int left = std::numeric_limits<int>::max(), right = std::numeric_limits<int>::min();
  for (int64_t i = 0; i < count; ++i, points += 2) {
    // The conversion cuts towards zero, also for negative coordinates.
    const int x = static_cast<int>(kScale * points[0] + .5);
    vertices_[i] = {x, static_cast<int>(kScale * points[1] + .5)};
    left = std::min(left, x), right = std::max(right, x);
  }
  vertices_[count] = vertices_[0];
  left_ = std::max(first_between(left), 0);
  const int64_t last = std::min<int64_t>(last_between(right), width_ - 1);
  columns_.resize(std::max<int64_t>(last - left_ + 1, 0));
  for (Column& column : columns_) column.count = 0;
}

void PolygonToggles::walk(const Vertex& from, const Vertex& to) {
  const int end = left_ + static_cast<int>(columns_.size());
  const int first = std::max(first_between(std::min(from.x, to.x)), left_);
  const int last = std::min(last_between(std::max(from.x, to.x)), end - 1);
  if (first > last) return;
  const int dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
  // Edges are walked from the smaller to the larger coordinate, so that neighbours agree.
  const bool swap = dx >= dy ? from.x > to.x : from.y > to.y;
  const Vertex &start = swap ? to : from, &stop = swap ? from : to;
  if (dx >= dy) {
    walk_columns(start, static_cast<double>(stop.y - start.y) / dx, first, last);
  } else {
    walk_rows(start, static_cast<double>(stop.x - start.x) / dy, first, last);
  }
}

inline void PolygonToggles::add(int column, int fine_row) {
  const int row = pixel_row(fine_row, lowest_);
  Column& found = columns_[column - left_];
  if (found.count < 4) {
    found.rows[found.count++] = row;
  } else {
    others_.push_back({column, row});
  }
}

// A step t goes from fine column start.x + t - 1 to the next one; its upper end counts.
void PolygonToggles::walk_columns(const Vertex& start, double slope, int first, int last) {
  int t = kScale * first + kCenter - start.x + (slope < 0);
  for (int column = first; column <= last; ++column, t += kScale) {
    add(column, walked(start.y, slope, t));
  }
}

// A step t goes from fine row start.y + t - 1 to the next one; the first that lies behind the
// centre of a column crosses it.
void PolygonToggles::walk_rows(const Vertex& start, double slope, int first, int last) {
  const double steps_per_column = 1 / slope;
  for (int column = first; column <= last; ++column) {
    const int before = kScale * column + kCenter;
    const auto behind = [&](int t) {
      const int x = walked(start.x, slope, t);
      return slope > 0 ? x > before : x <= before;
    };
    int t = static_cast<int>((before + .5 - start.x) * steps_per_column) + 1;
    while (!behind(t)) ++t;
    while (behind(t - 1)) --t;
    add(column, start.y + t - 1);
  }
}

void PolygonToggles::sort() {
  places_.resize(4 * columns_.size() + others_.size());
  int64_t* out = places_.data();
  int64_t top = left_ * height_;
  for (const Column& column : columns_) {
    int64_t* const begin = out;
    for (int i = 0; i < column.count; ++i, ++out) {
      const int64_t place = top + column.rows[i];
      int64_t* hole = out;
      for (; hole > begin && hole[-1] > place; --hole) *hole = hole[-1];
      *hole = place;
    }
    top += height_;
  }
  for (const Toggle& other : others_) *out++ = other.column * height_ + other.row;
  places_.resize(out - places_.data());
  if (!others_.empty()) std::sort(places_.begin(), places_.end());
}

at::Tensor check_polygons(const char* op, const at::Tensor& points, const at::Tensor& offsets,
                          int64_t height, int64_t width) {
  TORCH_CHECK(points.dim() == 2 && points.size(1) == 2 && points.scalar_type() == at::kDouble, op,
              ": points must be a float64 tensor of shape (total, 2)");
  TORCH_CHECK(height > 0 && width > 0, op, ": height and width must be positive");
  const at::Tensor packed = points.contiguous();
  const double* value = packed.const_data_ptr<double>();
  int bad = 0;  // no way out of the loop, so that it is vectorised; NaN is bad as well
  for (int64_t i = 0; i < packed.numel(); ++i) bad |= !(std::abs(value[i]) <= kLargestCoordinate);
  TORCH_CHECK(!bad, op, ": coordinates must be finite and at most 1e6");
  return checked_offsets(op, "offsets", offsets, 1, packed.size(0));
}

}  // namespace e2ec
