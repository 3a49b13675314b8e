// Signed distances of a grid's cells to polygons, and their gradients.
//
// The order of operations is that of lib/ops/polygons/signed_distances.py.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "../multiversion.h"

namespace e2ec {
namespace {

// Threads are woken for so many pairs of a cell and an edge each, 100 microseconds and more.
constexpr int64_t kPairsPerThread = 1 << 18;

template <typename Value>
struct Edge {
  Value x, y, along_x, along_y, inverse, end_y;
};

template <typename Value>
E2EC_INLINE Edge<Value> make_edge(const Value* contour, int64_t vertices, int64_t i) {
  const Value* const start = contour + 2 * i;
  const Value* const end = contour + 2 * (i + 1 < vertices ? i + 1 : 0);
  const Value along_x = end[0] - start[0], along_y = end[1] - start[1];
  const Value squared = along_x * along_x + along_y * along_y;
  // An edge of no length is its first vertex.
  return {start[0], start[1], along_x, along_y, squared > 0 ? 1 / squared : Value(0), end[1]};
}

// One row of cells: the squared distance to the nearest edge, that edge, and whether it is inside.
// Whole numbers are as wide as the values, so that they are compared side by side.
template <typename Value, typename Number>
E2EC_INLINE void distances_of_row(const std::vector<Edge<Value>>& edges, Value y, int64_t width,
                                  Value* __restrict squared, Number* __restrict nearest,
                                  Number* __restrict inside) {
  for (int64_t x = 0; x < width; ++x) {
    squared[x] = std::numeric_limits<Value>::infinity();
    nearest[x] = inside[x] = 0;
  }
  Number number = 0;
  for (const Edge<Value>& edge : edges) {
    const Value offset_y = y - edge.y, part_y = offset_y * edge.along_y;
    for (int64_t x = 0; x < width; ++x) {
      const Value offset_x = static_cast<Value>(static_cast<Number>(x)) + Value(0.5) - edge.x;
      Value along = (offset_x * edge.along_x + part_y) * edge.inverse;
      along = along < 0 ? Value(0) : along;
      along = along > 1 ? Value(1) : along;
      const Value to_x = offset_x - along * edge.along_x, to_y = offset_y - along * edge.along_y;
      const Value found = to_x * to_x + to_y * to_y;
      const bool nearer = found < squared[x];
      squared[x] = nearer ? found : squared[x];
      nearest[x] = nearer ? number : nearest[x];
    }
    ++number;
    if ((edge.y <= y) == (edge.end_y <= y)) continue;
    const Value crossing = offset_y * (edge.along_x / edge.along_y);
    for (int64_t x = 0; x < width; ++x) {
      const Value offset_x = static_cast<Value>(static_cast<Number>(x)) + Value(0.5) - edge.x;
      inside[x] ^= offset_x < crossing ? 1 : 0;
    }
  }
}

template <typename Value, typename Number>
E2EC_INLINE void distances_of_contour(const Value* contour, int64_t vertices, int64_t height,
                                      int64_t width, Value* distances, int32_t* edges) {
  if (!std::all_of(contour, contour + 2 * vertices, [](Value v) { return std::isfinite(v); })) {
    std::fill_n(distances, height * width, std::numeric_limits<Value>::quiet_NaN());
    std::fill_n(edges, height * width, 0);
    return;
  }
  std::vector<Edge<Value>> of_contour(vertices);
  for (int64_t i = 0; i < vertices; ++i) of_contour[i] = make_edge(contour, vertices, i);
  std::vector<Value> squared(width);
  std::vector<Number> nearest(width), inside(width);
  for (int64_t row = 0; row < height; ++row, distances += width, edges += width) {
    distances_of_row<Value, Number>(of_contour, static_cast<Value>(row) + Value(0.5), width,
                                    squared.data(), nearest.data(), inside.data());
    for (int64_t x = 0; x < width; ++x) {
      const Value distance = std::sqrt(squared[x]);
      distances[x] = inside[x] ? distance : -distance;
      edges[x] = static_cast<int32_t>(nearest[x]);
    }
  }
}

E2EC_MULTIVERSION void contour_distances(const float* contour, int64_t vertices, int64_t height,
                                         int64_t width, float* distances, int32_t* edges) {
  distances_of_contour<float, int32_t>(contour, vertices, height, width, distances, edges);
}

E2EC_MULTIVERSION void contour_distances(const double* contour, int64_t vertices, int64_t height,
                                         int64_t width, double* distances, int32_t* edges) {
  distances_of_contour<double, int64_t>(contour, vertices, height, width, distances, edges);
}

// Every cell pulls at both ends of its nearest edge, by the law of the lever.
template <typename Value>
void pull_contour(const Value* grad, const Value* contour, const Value* distances,
                  const int32_t* edges, int64_t vertices, int64_t height, int64_t width,
                  Value* result) {
  for (int64_t row = 0; row < height; ++row) {
    for (int64_t x = 0; x < width; ++x, ++grad, ++distances, ++edges) {
      if (*distances == 0 || *grad == 0) continue;
      const int64_t first = *edges, second = first + 1 < vertices ? first + 1 : 0;
      const Edge<Value> edge = make_edge(contour, vertices, first);
      const Value offset_x = static_cast<Value>(x) + Value(0.5) - edge.x;
      const Value offset_y = static_cast<Value>(row) + Value(0.5) - edge.y;
      const Value projected = (offset_x * edge.along_x + offset_y * edge.along_y) * edge.inverse;
      const Value along = std::min(std::max(projected, Value(0)), Value(1));
      const Value factor = -*grad / *distances;
      const Value pull_x = (offset_x - along * edge.along_x) * factor;
      const Value pull_y = (offset_y - along * edge.along_y) * factor;
      result[2 * first] += (1 - along) * pull_x;
      result[2 * first + 1] += (1 - along) * pull_y;
      result[2 * second] += along * pull_x;
      result[2 * second + 1] += along * pull_y;
    }
  }
}

void check_contours(const at::Tensor& contours) {
  TORCH_CHECK(contours.dim() == 3 && contours.size(1) > 0 && contours.size(2) == 2 &&
                  contours.size(1) <= std::numeric_limits<int32_t>::max(),
              "signed_distances: contours must be (n, V, 2)");
  TORCH_CHECK(contours.scalar_type() == at::kFloat || contours.scalar_type() == at::kDouble,
              "signed_distances: contours must be float32 or float64");
}

int64_t grain_size(int64_t pairs) {
  return std::max<int64_t>(kPairsPerThread / std::max<int64_t>(pairs, 1), 1);
}

std::tuple<at::Tensor, at::Tensor> signed_distances(const at::Tensor& contours, int64_t height,
                                                    int64_t width) {
  check_contours(contours);
  TORCH_CHECK(height > 0 && width > 0, "signed_distances: the grid has no cells");
  const at::Tensor packed = contours.contiguous();
  const int64_t count = packed.size(0), vertices = packed.size(1), cells = height * width;
  const at::Tensor distances = at::empty({count, height, width}, packed.options());
  const at::Tensor edges = at::empty(distances.sizes(), packed.options().dtype(at::kInt));
  int32_t* const edge = edges.mutable_data_ptr<int32_t>();
  AT_DISPATCH_FLOATING_TYPES(packed.scalar_type(), "signed_distances", [&] {
    const scalar_t* const contour = packed.const_data_ptr<scalar_t>();
    scalar_t* const distance = distances.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, count, grain_size(cells * vertices), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        contour_distances(contour + 2 * vertices * i, vertices, height, width,
                          distance + cells * i, edge + cells * i);
      }
    });
  });
  return {distances, edges};
}

at::Tensor signed_distances_backward(const at::Tensor& grad, const at::Tensor& contours,
                                     const at::Tensor& distances, const at::Tensor& edges) {
  check_contours(contours);
  TORCH_CHECK(grad.dim() == 3 && grad.size(0) == contours.size(0) &&
                  grad.sizes() == distances.sizes() && grad.sizes() == edges.sizes() &&
                  grad.scalar_type() == contours.scalar_type() &&
                  distances.scalar_type() == contours.scalar_type() &&
                  edges.scalar_type() == at::kInt,
              "signed_distances_backward: the tensors do not belong together");
  const at::Tensor pulls = grad.contiguous(), packed = contours.contiguous();
  const at::Tensor known = distances.contiguous(), nearest = edges.contiguous();
  const int64_t vertices = packed.size(1), height = grad.size(1), width = grad.size(2);
  const int64_t cells = height * width;
  const at::Tensor result = at::zeros(packed.sizes(), packed.options());
  const int32_t* const edge = nearest.const_data_ptr<int32_t>();
  // An edge from elsewhere would be written to.
  TORCH_CHECK(std::all_of(edge, edge + nearest.numel(),
                          [&](int32_t e) { return e >= 0 && e < vertices; }),
              "signed_distances_backward: an edge that no contour has");
  AT_DISPATCH_FLOATING_TYPES(packed.scalar_type(), "signed_distances_backward", [&] {
    const scalar_t* const pull = pulls.const_data_ptr<scalar_t>();
    const scalar_t* const contour = packed.const_data_ptr<scalar_t>();
    const scalar_t* const distance = known.const_data_ptr<scalar_t>();
    scalar_t* const to = result.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, packed.size(0), grain_size(32 * cells), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        pull_contour(pull + cells * i, contour + 2 * vertices * i, distance + cells * i,
                     edge + cells * i, vertices, height, width, to + 2 * vertices * i);
      }
    });
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) {
  m.impl("signed_distances", &signed_distances);
  m.impl("signed_distances_backward", &signed_distances_backward);
}

}  // namespace e2ec
