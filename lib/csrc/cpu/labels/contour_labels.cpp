// Labels of contours: multi-direction alignment and key vertices. The plain versions, which these
// equal to the last bit or nearly so, are in lib/ops/labels/reference.py.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "../offsets.h"

namespace e2ec {
namespace {

constexpr double kAngleTolerance = 1e-9;    // radians
constexpr double kShortestStretch = 1e-6;   // share of the contour's length
// Waking threads for fewer costs more than it gains.
constexpr int64_t kContoursPerThread = 64;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Point {
  double x, y;
  bool operator==(const Point& other) const { return x == other.x && y == other.y; }
};

// What Python's % gives for a positive divisor.
double modulo(double value, double divisor) {
  const double rest = std::fmod(value, divisor);
  return rest < 0 ? rest + divisor : rest;
}

double interpolate(double at, double from, double to, double value, double next) {
  return at == from ? value : (next - value) / (to - from) * (at - from) + value;
}

class Aligner {
 public:
  Aligner(const double* rays, int64_t directions, int64_t vertices)
      : rays_(rays), directions_(directions), vertices_(vertices), fixed_(directions) {}

  // Writes the label (vertices, 2) of a closed polygon of `count` points.
  void operator()(const Point* points, int64_t count, Point* label) {
    close(points, count);
    for (int64_t k = 0; k < directions_; ++k) {
      fixed_[k] = fixed_position(rays_[2 * k], rays_[2 * k + 1]);
    }
    choose_directions();
    sample(label);
  }

 private:
  // Counter-clockwise, without repeated points, the first point again at the end; arc lengths.
  void close(const Point* points, int64_t count) {
    closed_.clear();
    for (int64_t i = 0; i < count; ++i) {
      if (i == 0 || !(points[i] == points[i - 1])) closed_.push_back(points[i]);
    }
    if (closed_.size() > 1 && closed_.back() == closed_.front()) closed_.pop_back();
    TORCH_CHECK_VALUE(closed_.size() >= 3, "a contour needs at least three distinct points");
    double doubled_area = 0;
    const Point origin = closed_.front();
    for (size_t i = 1; i < closed_.size(); ++i) {
      const Point &a = closed_[i - 1], &b = closed_[i];
      doubled_area +=
          (a.x - origin.x) * (b.y - origin.y) - (b.x - origin.x) * (a.y - origin.y);
    }
    if (doubled_area > 0) std::reverse(closed_.begin(), closed_.end());  // clockwise on screen
    closed_.push_back(closed_.front());
    arc_.assign(1, 0.0);
    low_ = high_ = closed_.front();
    for (size_t i = 1; i < closed_.size(); ++i) {
      const Point &a = closed_[i - 1], &b = closed_[i];
      arc_.push_back(arc_.back() + std::hypot(b.x - a.x, b.y - a.y));
      low_ = {std::min(low_.x, b.x), std::min(low_.y, b.y)};
      high_ = {std::max(high_.x, b.x), std::max(high_.y, b.y)};
    }
  }

  // Arc position of the contour point most nearly in a direction from the centre.
  double fixed_position(double sine, double cosine) {
    const Point center = {(low_.x + high_.x) / 2, (low_.y + high_.y) / 2};
    turned_.clear();  // x: distance along the ray, y: signed distance from it
    for (const Point& point : closed_) {
      const double x = point.x - center.x, y = point.y - center.y;
      turned_.push_back({sine * x + cosine * y, cosine * x - sine * y});
    }
    double farthest = -kInfinity, position = 0;
    const size_t count = closed_.size() - 1;
    for (size_t i = 0; i < count; ++i) {
      const Point &a = turned_[i], &b = turned_[i + 1];
      if ((a.y < 0) == (b.y < 0)) continue;
      const double ratio = a.y / (a.y - b.y), reach = a.x + ratio * (b.x - a.x);
      if (reach < 0 || reach <= farthest) continue;
      farthest = reach;
      position = arc_[i] + ratio * (arc_[i + 1] - arc_[i]);
    }
    for (size_t i = 0; i < count; ++i) {
      const Point& a = turned_[i];
      // The angle is computed only of points that can lie on the ray.
      if (a.x <= farthest || std::abs(a.y) > 2 * kAngleTolerance * a.x) continue;
      if (std::abs(std::atan2(a.y, a.x)) <= kAngleTolerance) farthest = a.x, position = arc_[i];
    }
    return farthest == -kInfinity ? position_of_smallest_angle() : position;
  }

  // Of angles that only rounding tells apart the first is taken.
  double position_of_smallest_angle() {
    angles_.clear();
    for (size_t i = 0; i + 1 < turned_.size(); ++i) {
      angles_.push_back(std::abs(std::atan2(turned_[i].y, turned_[i].x)));
    }
    const double limit = *std::min_element(angles_.begin(), angles_.end()) + kAngleTolerance;
    size_t first = 0;
    while (angles_[first] > limit) ++first;
    return arc_[first];
  }

  // Keeps the largest set of directions, the first among them, whose arc positions rise.
  void choose_directions() {
    const double length = arc_.back(), gap = kShortestStretch * length;
    relative_.resize(directions_);
    for (int64_t k = 0; k < directions_; ++k) {
      relative_[k] = modulo(fixed_[k] - fixed_[0], length);
    }
    // The longest chain that ends with each direction (0: none), and its last but one.
    chain_.assign(directions_, 0), before_.assign(directions_, 0);
    chain_[0] = 1;
    int64_t last = 0;
    for (int64_t k = 1; k < directions_; ++k) {
      if (!(relative_[k] < length - gap)) continue;
      int64_t longest = 0;
      for (int64_t j = 0; j < k; ++j) {
        if (chain_[j] > longest && relative_[k] - relative_[j] > gap) {
          longest = chain_[j], before_[k] = j;
        }
      }
      chain_[k] = longest > 0 ? longest + 1 : 0;
      if (chain_[k] > chain_[last]) last = k;
    }
    kept_.clear();
    for (int64_t k = last;; k = before_[k]) {
      kept_.push_back(k);
      if (k == 0) break;
    }
    std::reverse(kept_.begin(), kept_.end());
  }

  // Direction k of M owns the label vertices from k N / M on, up to those of the next one kept.
  void sample(Point* label) const {
    const double length = arc_.back();
    size_t edge = 0;
    for (size_t i = 0; i < kept_.size(); ++i) {
      const bool is_last = i + 1 == kept_.size();
      const int64_t begin = kept_[i] * vertices_ / directions_;
      const int64_t end = is_last ? vertices_ : kept_[i + 1] * vertices_ / directions_;
      const double stop = is_last ? length : relative_[kept_[i + 1]];
      for (int64_t v = begin; v < end; ++v) {
        const double walked = interpolate(static_cast<double>(v), static_cast<double>(begin),
                                          static_cast<double>(end), relative_[kept_[i]], stop);
        const double at = modulo(fixed_[0] + walked, length);
        if (arc_[edge] > at) edge = 0;
        while (edge + 2 < arc_.size() && arc_[edge + 1] <= at) ++edge;
        const Point &a = closed_[edge], &b = closed_[edge + 1];
        label[v] = {interpolate(at, arc_[edge], arc_[edge + 1], a.x, b.x),
                    interpolate(at, arc_[edge], arc_[edge + 1], a.y, b.y)};
      }
    }
  }

  const double* rays_;
  int64_t directions_, vertices_;
  Point low_{}, high_{};
  std::vector<Point> closed_, turned_;
  std::vector<double> arc_, fixed_, relative_, angles_;
  std::vector<int64_t> chain_, before_, kept_;
};

at::Tensor align_contours(const at::Tensor& points, const at::Tensor& offsets,
                          const at::Tensor& rays, int64_t vertices) {
  for (const at::Tensor& pairs : {points, rays}) {
    TORCH_CHECK(pairs.dim() == 2 && pairs.size(1) == 2 && pairs.scalar_type() == at::kDouble,
                "align_contours: points and rays must be float64 tensors of shape (total, 2)");
  }
  const at::Tensor starts =
      checked_offsets("align_contours", "offsets", offsets, 0, points.size(0));
  TORCH_CHECK(rays.size(0) >= 1 && rays.size(0) <= vertices,
              "align_contours: there must be at least one ray and no more than vertices");
  const at::Tensor packed = points.contiguous(), directions = rays.contiguous();
  const int64_t contours = starts.size(0) - 1;
  const at::Tensor labels = at::empty({contours, vertices, 2}, points.options());
  const auto* point = reinterpret_cast<const Point*>(packed.const_data_ptr<double>());
  auto* label = reinterpret_cast<Point*>(labels.mutable_data_ptr<double>());
  const int64_t* start = starts.const_data_ptr<int64_t>();
  at::parallel_for(0, contours, kContoursPerThread, [&](int64_t begin, int64_t end) {
    Aligner align(directions.const_data_ptr<double>(), directions.size(0), vertices);
    for (int64_t i = begin; i < end; ++i) {
      align(point + start[i], start[i + 1] - start[i], label + i * vertices);
    }
  });
  return labels;
}

// Index (the first of equals) and distance of the vertex between two others that is farthest from
// the segment that joins them; vertex `count` is vertex 0 again.
std::pair<int64_t, double> farthest_between(const Point* points, int64_t count, int64_t first,
                                            int64_t last) {
  const Point start = points[first], stop = points[last == count ? 0 : last];
  const double x = stop.x - start.x, y = stop.y - start.y;
  const double length = x * x + y * y, squared = length == 0 ? kInfinity : length;
  const double share_x = x / squared, share_y = y / squared;
  std::pair<int64_t, double> farthest = {first, -1.0};
  for (int64_t i = first + 1; i < last; ++i) {
    const double away_x = points[i].x - start.x, away_y = points[i].y - start.y;
    const double position = std::min(std::max(away_x * share_x + away_y * share_y, 0.0), 1.0);
    const double off_x = away_x - position * x, off_y = away_y - position * y;
    // The distance is at most the sum, but for the last bits, and costs much more.
    if (std::abs(off_x) + std::abs(off_y) < farthest.second * (1 - 1e-12)) continue;
    const double distance = std::hypot(off_x, off_y);
    if (distance > farthest.second) farthest = {i, distance};
  }
  return farthest;
}

// Douglas-Peucker on one closed contour.
void simplify(const Point* points, int64_t count, double tolerance, bool* kept) {
  std::fill(kept, kept + count, false);
  kept[0] = true;
  const std::pair<int64_t, double> far = farthest_between(points, count, 0, count);
  if (!(far.second > 0)) return;
  kept[far.first] = true;
  std::vector<std::pair<int64_t, int64_t>> pending = {{0, far.first}, {far.first, count}};
  while (!pending.empty()) {
    const auto [first, last] = pending.back();
    pending.pop_back();
    const auto [middle, distance] = farthest_between(points, count, first, last);
    if (!(distance > tolerance)) continue;
    kept[middle] = true;
    pending.emplace_back(first, middle);
    pending.emplace_back(middle, last);
  }
}

at::Tensor key_vertices(const at::Tensor& contours, double tolerance) {
  TORCH_CHECK(contours.dim() == 3 && contours.size(1) >= 1 && contours.size(2) == 2 &&
                  contours.scalar_type() == at::kDouble,
              "key_vertices: contours must be a float64 tensor of shape (n, N, 2)");
  TORCH_CHECK(tolerance >= 0, "key_vertices: tolerance must not be negative");
  const at::Tensor packed = contours.contiguous();
  const int64_t count = packed.size(1);
  const at::Tensor keys = at::empty({packed.size(0), count}, contours.options().dtype(at::kBool));
  const auto* points = reinterpret_cast<const Point*>(packed.const_data_ptr<double>());
  bool* kept = keys.mutable_data_ptr<bool>();
  at::parallel_for(0, packed.size(0), kContoursPerThread, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      simplify(points + i * count, count, tolerance, kept + i * count);
    }
  });
  return keys;
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) {
  m.impl("align_contours", &align_contours);
  m.impl("key_vertices", &key_vertices);
}

}  // namespace e2ec
