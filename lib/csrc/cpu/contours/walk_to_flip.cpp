// Vertices walk along their normals until the point classifier of their instance flips.
//
// Sixteen vertices are asked about at once, one a lane. A vertex that has flipped, or has made its
// last step, leaves its lane to the next one: nobody waits for the slowest.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <vector>

#include "../multiversion.h"

namespace e2ec {
namespace {

using at::Tensor;

constexpr int64_t kLanes = 16;
constexpr int64_t kVerticesPerTask = 64;
constexpr float kSmallestSide = 1e-3f;  // of a box that places are relative to

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));

E2EC_INLINE void load(Vec& to, const float* from) { std::memcpy(&to, from, sizeof(Vec)); }

E2EC_INLINE void store(float* to, const Vec& from) { std::memcpy(to, &from, sizeof(Vec)); }

// One instance's map, box and classifier.
struct Instance {
  const float* map;         // (height, width, channels)
  int64_t height, width, channels;
  float scale;              // cells an input pixel
  const float* box;         // x0, y0, x1, y1
  const float* parameters;  // layer by layer: weight (outputs, inputs), bias
  const int64_t* widths;
  int64_t layers;
};

struct Walk {
  float step;  // of full certainty, input pixels
  int64_t max_steps;
  bool adaptive;
};

// The vertices [begin, end) of a ring.
struct Vertices {
  const float *points, *normals;  // x then y
  const bool* resting;
  int64_t begin, end;
  float* moved;
  bool* flipped;
};

// Room for the values of a layer and of the next one, a row of lanes each; for the lanes' samples,
// a row of channels each; and zeros, which lie around the map.
struct Scratch {
  std::vector<float> rows, next, samples, zeros;

  Scratch(int64_t widest, int64_t channels)
      : rows(widest * kLanes),
        next(widest * kLanes),
        samples(channels * kLanes),
        zeros(channels) {}
};

E2EC_INLINE bool in_map(const Instance& of, float x, float y) {
  // Written so that NaN counts as outside.
  return x >= 0 && y >= 0 && x * of.scale <= of.width && y * of.scale <= of.height;
}

// The fine feature at a point of the map: bilinear, zeros outside, cell i centred at i + 0.5.
E2EC_INLINE void sample_at(const Instance& of, float x, float y, const float* zeros, float* out) {
  const float column = x * of.scale - 0.5f, row = y * of.scale - 0.5f;
  // At least -0.5: what is cut off is the fraction.
  const int64_t j = static_cast<int64_t>(column + 1) - 1, i = static_cast<int64_t>(row + 1) - 1;
  const float right = column - j, lower = row - i;
  const float *corner[4], weight[4] = {(1 - lower) * (1 - right), (1 - lower) * right,
                                       lower * (1 - right), lower * right};
  for (int k = 0; k < 4; ++k) {
    const int64_t v = i + k / 2, u = j + k % 2;
    const bool within = v >= 0 && u >= 0 && v < of.height && u < of.width;
    corner[k] = within ? of.map + (v * of.width + u) * of.channels : zeros;
  }
  const float *p = corner[0], *q = corner[1], *r = corner[2], *s = corner[3];
  const float wp = weight[0], wq = weight[1], wr = weight[2], ws = weight[3];
#pragma omp simd
  for (int64_t c = 0; c < of.channels; ++c) {
    out[c] = wp * p[c] + wq * q[c] + (wr * r[c] + ws * s[c]);
  }
}

// Rows [first, first + Count) of a layer: their outputs for all lanes.
template <int64_t Count>
E2EC_INLINE void dense_rows(const float* weight, const float* bias, int64_t inputs, int64_t first,
                            bool relu, const float* from, float* to) {
  Vec sums[Count];
  for (int64_t k = 0; k < Count; ++k) sums[k] = Vec{} + bias[first + k];
  for (int64_t i = 0; i < inputs; ++i) {
    Vec value;
    load(value, from + i * kLanes);
    for (int64_t k = 0; k < Count; ++k) sums[k] += weight[(first + k) * inputs + i] * value;
  }
  for (int64_t k = 0; k < Count; ++k) {
    if (relu) sums[k] = sums[k] < 0 ? Vec{} : sums[k];  // NaN stays NaN
    store(to + (first + k) * kLanes, sums[k]);
  }
}

// Logits of being outside at the lanes' points, infinite beyond the map.
E2EC_INLINE void classify(const Instance& of, const float* x, const float* y, Scratch& scratch,
                          float* logits) {
  const int64_t channels = of.channels;
  bool inside[kLanes];
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    inside[lane] = in_map(of, x[lane], y[lane]);
    if (inside[lane]) {
      sample_at(of, x[lane], y[lane], scratch.zeros.data(),
                scratch.samples.data() + lane * channels);
    }
  }
  const float* const samples = scratch.samples.data();
  float* const rows = scratch.rows.data();
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      rows[c * kLanes + lane] = samples[lane * channels + c];
    }
  }
  const float* const box = of.box;
  const float wide = std::max(box[2] - box[0], kSmallestSide);
  const float high = std::max(box[3] - box[1], kSmallestSide);
  float* const place = scratch.rows.data() + channels * kLanes;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    place[lane] = (2 * x[lane] - box[0] - box[2]) / wide;
    place[kLanes + lane] = (2 * y[lane] - box[1] - box[3]) / high;
  }
  const float* weight = of.parameters;
  for (int64_t layer = 0; layer < of.layers; ++layer) {
    const int64_t inputs = of.widths[layer], outputs = of.widths[layer + 1];
    const float* const bias = weight + inputs * outputs;
    const bool relu = layer + 1 < of.layers;
    const float* const from = scratch.rows.data();
    float* const to = scratch.next.data();
    int64_t row = 0;
    for (; row + 4 <= outputs; row += 4) dense_rows<4>(weight, bias, inputs, row, relu, from, to);
    for (; row < outputs; ++row) dense_rows<1>(weight, bias, inputs, row, relu, from, to);
    scratch.rows.swap(scratch.next);
    weight = bias + outputs;
  }
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    logits[lane] = inside[lane] ? scratch.rows[lane] : std::numeric_limits<float>::infinity();
  }
}

// What the lanes are at: a vertex each, how many steps it has made, and where it is now.
struct Lanes {
  int64_t vertex[kLanes], steps[kLanes];
  bool outside[kLanes];
  float step_x[kLanes], step_y[kLanes], x[kLanes], y[kLanes];
};

constexpr int64_t kIdle = -1;

// The next vertex that does not rest comes into a lane; false where there is none left.
E2EC_INLINE bool enter(const Vertices& vertices, int64_t& next, Lanes& lanes, int64_t lane) {
  while (next < vertices.end && vertices.resting[next]) ++next;
  if (next >= vertices.end) {
    lanes.vertex[lane] = kIdle;
    lanes.x[lane] = lanes.y[lane] = -1;  // not in the map: nothing is read
    return false;
  }
  lanes.vertex[lane] = next;
  lanes.steps[lane] = 0;
  lanes.x[lane] = vertices.points[2 * next];
  lanes.y[lane] = vertices.points[2 * next + 1];
  ++next;
  return true;
}

// Having asked where it stands, a vertex makes a step; false where it has arrived.
E2EC_INLINE bool advance(const Walk& walk, const Vertices& vertices, float logit, Lanes& lanes,
                         int64_t lane) {
  const int64_t vertex = lanes.vertex[lane];
  const bool outside = logit > 0;
  if (lanes.steps[lane] == 0) {
    const float phi = 1 / (1 + std::exp(-logit));
    const float certainty = walk.adaptive ? std::fabs(phi - 0.5f) : 0.5f;
    const float length = outside ? -walk.step * certainty : walk.step * certainty;
    lanes.outside[lane] = outside;
    lanes.step_x[lane] = vertices.normals[2 * vertex] * length;
    lanes.step_y[lane] = vertices.normals[2 * vertex + 1] * length;
  } else {
    const bool flips = outside != lanes.outside[lane];
    if (flips || lanes.steps[lane] == walk.max_steps) {
      vertices.moved[2 * vertex] = lanes.x[lane];
      vertices.moved[2 * vertex + 1] = lanes.y[lane];
      vertices.flipped[vertex] = flips;
      return false;
    }
  }
  const float steps = static_cast<float>(++lanes.steps[lane]);
  lanes.x[lane] = vertices.points[2 * vertex] + lanes.step_x[lane] * steps;
  lanes.y[lane] = vertices.points[2 * vertex + 1] + lanes.step_y[lane] * steps;
  return true;
}

E2EC_MULTIVERSION
void walk_vertices(const Instance& of, const Walk& walk, const Vertices& vertices,
                   Scratch& scratch) {
  Lanes lanes;
  float logits[kLanes];
  int64_t next = vertices.begin, busy = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) busy += enter(vertices, next, lanes, lane);
  while (busy > 0) {
    classify(of, lanes.x, lanes.y, scratch, logits);
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      if (lanes.vertex[lane] == kIdle) continue;
      if (!advance(walk, vertices, logits[lane], lanes, lane)) {
        busy -= !enter(vertices, next, lanes, lane);
      }
    }
  }
}

void check(const Tensor& fine, const Tensor& parameters, at::IntArrayRef widths,
           const Tensor& boxes, const Tensor& image_index, const Tensor& points,
           const Tensor& normals, const Tensor& resting, int64_t stride, int64_t max_steps) {
  for (const Tensor& tensor : {fine, parameters, boxes, points, normals}) {
    TORCH_CHECK(tensor.scalar_type() == at::kFloat, "walk_to_flip: all numbers must be float32");
  }
  TORCH_CHECK(fine.dim() == 4, "walk_to_flip: the fine feature must be (B, C, h, w)");
  TORCH_CHECK(widths.size() >= 2 && widths.front() == fine.size(1) + 2 && widths.back() == 1 &&
                  std::all_of(widths.begin(), widths.end(), [](int64_t w) { return w > 0; }),
              "walk_to_flip: widths must lead from C + 2 inputs to 1 output");
  int64_t needed = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i) needed += (widths[i] + 1) * widths[i + 1];
  const int64_t rings = points.size(0);
  TORCH_CHECK(points.dim() == 3 && points.size(2) == 2 && normals.sizes() == points.sizes() &&
                  resting.scalar_type() == at::kBool && resting.dim() == 2 &&
                  resting.size(0) == rings && resting.size(1) == points.size(1) &&
                  boxes.dim() == 2 && boxes.size(0) == rings && boxes.size(1) == 4 &&
                  parameters.dim() == 2 && parameters.size(0) == rings &&
                  parameters.size(1) == needed && image_index.dim() == 1 &&
                  image_index.size(0) == rings && image_index.scalar_type() == at::kLong,
              "walk_to_flip: the tensors do not fit each other");
  const int64_t* const images = image_index.const_data_ptr<int64_t>();
  TORCH_CHECK(std::all_of(images, images + rings,
                          [&](int64_t image) { return image >= 0 && image < fine.size(0); }),
              "walk_to_flip: image_index names an image that there is not");
  TORCH_CHECK(stride > 0 && max_steps > 0,
              "walk_to_flip: stride and max_steps must be positive");
}

std::tuple<Tensor, Tensor> walk_to_flip(const Tensor& fine, const Tensor& parameters,
                                        at::IntArrayRef widths, const Tensor& boxes,
                                        const Tensor& image_index, const Tensor& points,
                                        const Tensor& normals, const Tensor& resting,
                                        int64_t stride, double step, int64_t max_steps,
                                        bool adaptive) {
  const Tensor images = image_index.contiguous();
  check(fine, parameters, widths, boxes, images, points, normals, resting, stride, max_steps);
  const Tensor map = fine.permute({0, 2, 3, 1}).contiguous(), weights = parameters.contiguous();
  const Tensor sides = boxes.contiguous(), from = points.contiguous();
  const Tensor directions = normals.contiguous(), rest = resting.contiguous();
  Tensor moved = from.clone(), flipped = at::zeros(rest.sizes(), rest.options());
  const int64_t rings = from.size(0), count = from.size(1);
  const int64_t tasks_a_ring = at::divup(count, kVerticesPerTask);
  const int64_t widest = *std::max_element(widths.begin(), widths.end());
  const auto run = [&](int64_t begin, int64_t end) {
    Scratch scratch(widest, map.size(3));
    for (int64_t task = begin; task < end; ++task) {
      const int64_t ring = task / tasks_a_ring, first = task % tasks_a_ring * kVerticesPerTask;
      const float* const box = sides.const_data_ptr<float>() + 4 * ring;
      const int64_t image = images.const_data_ptr<int64_t>()[ring];
      const Instance instance{map.const_data_ptr<float>() + image * map.stride(0),
                              map.size(1),
                              map.size(2),
                              map.size(3),
                              1 / static_cast<float>(stride),
                              box,
                              weights.const_data_ptr<float>() + ring * weights.size(1),
                              widths.data(),
                              static_cast<int64_t>(widths.size()) - 1};
      const float size = std::sqrt((box[2] - box[0]) * (box[3] - box[1]));
      const Vertices vertices{from.const_data_ptr<float>() + 2 * ring * count,
                              directions.const_data_ptr<float>() + 2 * ring * count,
                              rest.const_data_ptr<bool>() + ring * count,
                              first,
                              std::min(first + kVerticesPerTask, count),
                              moved.mutable_data_ptr<float>() + 2 * ring * count,
                              flipped.mutable_data_ptr<bool>() + ring * count};
      walk_vertices(instance, {static_cast<float>(step) * size, max_steps, adaptive}, vertices,
                    scratch);
    }
  };
  at::parallel_for(0, rings * tasks_a_ring, 1, run);
  return {moved, flipped};
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("walk_to_flip", &walk_to_flip); }

}  // namespace e2ec
