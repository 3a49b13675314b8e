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

template <typename Vertex>
inline Vertex on_grid(const double* point) {
  return {static_cast<int>(kScale * point[0] + .5), static_cast<int>(kScale * point[1] + .5)};
}

// The first pixel row whose centre does not lie above a fine row.
inline int pixel_row(int fine_row, int height) {
  return std::min(std::max(fine_row + kCenter, 0) / kScale, height);
}

void sort_few(int64_t* begin, int64_t* end) {
  if (end - begin > 16) return std::sort(begin, end);
  for (int64_t* next = begin + 1; next < end; ++next) {
    const int64_t value = *next;
    int64_t* hole = next;
    for (; hole > begin && hole[-1] > value; --hole) *hole = hole[-1];
    *hole = value;
  }
}

}  // namespace

PolygonToggles::PolygonToggles(int64_t height, int64_t width)
    : height_(height),
      width_(width),
      lowest_(static_cast<int>(std::min<int64_t>(height, std::numeric_limits<int>::max()))) {}

const std::vector<int64_t>& PolygonToggles::operator()(const double* points, int64_t count) {
  toggles_.clear();
  left_ = std::numeric_limits<int>::max(), right_ = -1;
  const Vertex first = on_grid<Vertex>(points);
  Vertex from = first;
  for (int64_t i = 1; i <= count; ++i) {
    const Vertex to = i < count ? on_grid<Vertex>(points + 2 * i) : first;
    walk(from, to);
    from = to;
  }
  sort();
  return places_;
}

void PolygonToggles::walk(const Vertex& from, const Vertex& to) {
  // The pixel columns whose centres lie between both ends.
  const int first = std::max(divide_down(std::min(from.x, to.x) - kCenter + kScale - 1), 0);
  const int last = static_cast<int>(std::min<int64_t>(
      divide_down(std::max(from.x, to.x) - kCenter - 1), width_ - 1));
  if (first > last) return;
  left_ = std::min(left_, first), right_ = std::max(right_, last);
  const size_t before = toggles_.size();
  toggles_.resize(before + last - first + 1);
  Toggle* const out = toggles_.data() + before;
  const int dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
  // Edges are walked from the smaller to the larger coordinate, so that neighbours agree.
  const bool swap = dx >= dy ? from.x > to.x : from.y > to.y;
  const Vertex &start = swap ? to : from, &stop = swap ? from : to;
  if (dx >= dy) {
    walk_columns(start, static_cast<double>(stop.y - start.y) / dx, first, last, out);
  } else {
    walk_rows(start, static_cast<double>(stop.x - start.x) / dy, first, last, out);
  }
}

// A step t goes from fine column start.x + t - 1 to the next one; its upper end counts.
void PolygonToggles::walk_columns(const Vertex& start, double slope, int first, int last,
                                  Toggle* out) {
  int t = kScale * first + kCenter - start.x + (slope < 0);
  for (int column = first; column <= last; ++column, t += kScale) {
    *out++ = {column, pixel_row(walked(start.y, slope, t), lowest_)};
  }
}

// A step t goes from fine row start.y + t - 1 to the next one; the first that lies behind the
// centre of a column crosses it.
void PolygonToggles::walk_rows(const Vertex& start, double slope, int first, int last,
                                  Toggle* out) {
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
    *out++ = {column, pixel_row(start.y + t - 1, lowest_)};
  }
}

// By counting: a closed outline crosses every column between its outermost ones, mostly twice.
void PolygonToggles::sort() {
  places_.resize(toggles_.size());
  if (toggles_.empty()) return;
  const int columns = right_ - left_ + 1;
  ends_.assign(columns + 1, 0);
  int* const end_of = ends_.data();
  for (const Toggle& toggle : toggles_) ++end_of[toggle.column - left_ + 1];
  for (int i = 0; i < columns; ++i) end_of[i + 1] += end_of[i];
  int64_t* const place = places_.data();
  for (const Toggle& toggle : toggles_) {  // moves the start of each column to its end
    place[end_of[toggle.column - left_]++] = toggle.column * height_ + toggle.row;
  }
  for (int i = 0, begin = 0; i < columns; begin = end_of[i++]) {
    sort_few(place + begin, place + end_of[i]);
  }
}

void check_polygons(const char* op, const at::Tensor& points, const at::Tensor& lengths,
                    int64_t height, int64_t width) {
  TORCH_CHECK(points.dim() == 2 && points.size(1) == 2 && points.scalar_type() == at::kDouble, op,
              ": points must be a float64 tensor of shape (total, 2)");
  TORCH_CHECK(lengths.dim() == 1 && lengths.scalar_type() == at::kLong, op,
              ": lengths must be an int64 tensor with one dimension");
  TORCH_CHECK(height > 0 && width > 0, op, ": height and width must be positive");
  const at::Tensor packed = points.contiguous(), counts = lengths.contiguous();
  const double* value = packed.const_data_ptr<double>();
  for (int64_t i = 0; i < packed.numel(); ++i) {
    TORCH_CHECK(std::abs(value[i]) <= kLargestCoordinate, op,
                ": coordinates must be finite and at most 1e6");
  }
  const int64_t* count = counts.const_data_ptr<int64_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < counts.numel(); ++i) {
    TORCH_CHECK(count[i] >= 1, op, ": a polygon has no points");
    total += count[i];
  }
  TORCH_CHECK(total == packed.size(0), op, ": lengths do not add up to the number of points");
}

}  // namespace e2ec
