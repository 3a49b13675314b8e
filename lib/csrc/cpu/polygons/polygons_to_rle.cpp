// Polygons to the compressed run lengths of the COCO mask tools, without a mask in between.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../offsets.h"
#include "polygon_toggles.h"

namespace e2ec {
namespace {

using Run = std::pair<int64_t, int64_t>;  // begin and end, counted down the columns

class RunEncoder {
 public:
  RunEncoder(int64_t height, int64_t width) : pixels_(height * width), toggles_(height, width) {}

  // Appends the compressed runs of the union of the polygons between two of their offsets.
  void operator()(const double* points, const int64_t* first, const int64_t* last,
                  std::string& text) {
    runs_.clear();
    for (const int64_t* start = first; start < last; ++start) {
      add_runs(toggles_(points + 2 * start[0], start[1] - start[0]));
    }
    if (last - first > 1) unite();
    compress(text);
  }

 private:
  // Runs that touch become one, empty ones vanish.
  void add_runs(const std::vector<int64_t>& toggles) {
    const size_t first = runs_.size();
    for (size_t i = 0; i < toggles.size(); i += 2) {  // a closed outline has pairs of them
      if (toggles[i] == toggles[i + 1]) continue;
      if (runs_.size() > first && runs_.back().second == toggles[i]) {
        runs_.back().second = toggles[i + 1];
      } else {
        runs_.emplace_back(toggles[i], toggles[i + 1]);
      }
    }
  }

  void unite() {
    std::sort(runs_.begin(), runs_.end());
    size_t kept = 0;
    for (size_t i = 1; i < runs_.size(); ++i) {
      if (runs_[i].first <= runs_[kept].second) {
        runs_[kept].second = std::max(runs_[kept].second, runs_[i].second);
      } else {
        runs_[++kept] = runs_[i];
      }
    }
    runs_.resize(std::min(runs_.size(), kept + 1));
  }

  // Lengths in groups of five bits, from the fourth on as the difference from the last but one.
  void compress(std::string& text) {
    buffer_.resize((2 * runs_.size() + 1) * kLongest);
    char* out = buffer_.data();
    int64_t position = 0, background = 0, inside = 0;
    for (size_t i = 0; i < runs_.size(); ++i) {
      const int64_t gap = runs_[i].first - position, run = runs_[i].second - runs_[i].first;
      out = write(i > 1 ? gap - background : gap, out);
      out = write(i > 0 ? run - inside : run, out);
      background = gap, inside = run, position = runs_[i].second;
    }
    if (position < pixels_) {
      const int64_t gap = pixels_ - position;
      out = write(runs_.size() > 1 ? gap - background : gap, out);
    }
    text.assign(buffer_.data(), out);
  }

  static char* write(int64_t number, char* out) {
    while (number < -16 || number > 15) {
      *out++ = static_cast<char>((number & 0x1f) + 0x20 + 48);
      number >>= 5;
    }
    *out++ = static_cast<char>((number & 0x1f) + 48);
    return out;
  }

  static constexpr size_t kLongest = 13;  // groups in 64 bits
  int64_t pixels_;
  PolygonToggles toggles_;
  std::vector<Run> runs_;
  std::vector<char> buffer_;
};

// Threads are woken for about so many toggles each, 140 microseconds of work; waking costs tens.
constexpr double kTogglesPerThread = 1.7e4;

// How many objects make that much work: an outline is toggled at every pixel column it crosses,
// which is estimated from some of the edges.
int64_t objects_per_thread(const double* points, int64_t total, int64_t objects) {
  constexpr int64_t kSkip = 16;
  double crossed = 1;
  for (int64_t i = 1; i < total; i += kSkip) {
    crossed += kSkip * std::abs(points[2 * i] - points[2 * i - 2]);
  }
  return static_cast<int64_t>(std::max(1.0, objects * std::min(kTogglesPerThread / crossed, 1.0)));
}

std::tuple<at::Tensor, at::Tensor> polygons_to_rle(const at::Tensor& points,
                                                   const at::Tensor& offsets,
                                                   const at::Tensor& objects, int64_t height,
                                                   int64_t width) {
  const at::Tensor starts = check_polygons("polygons_to_rle", points, offsets, height, width);
  const at::Tensor firsts =
      checked_offsets("polygons_to_rle", "objects", objects, 0, starts.size(0) - 1);
  const at::Tensor packed = points.contiguous();
  const double* point = packed.const_data_ptr<double>();
  const int64_t *start = starts.const_data_ptr<int64_t>(),
                *first = firsts.const_data_ptr<int64_t>();

  std::vector<std::string> texts(firsts.size(0) - 1);
  const int64_t count = static_cast<int64_t>(texts.size());
  const int64_t grain = objects_per_thread(point, packed.size(0), count);
  at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
    RunEncoder encode(height, width);
    for (int64_t i = begin; i < end; ++i) {
      encode(point, start + first[i], start + first[i + 1], texts[i]);
    }
  });

  const at::Tensor ends = at::zeros_like(firsts);
  int64_t* const end = ends.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i) end[i + 1] = end[i] + static_cast<int64_t>(texts[i].size());
  const at::Tensor bytes = at::empty({end[count]}, points.options().dtype(at::kByte));
  uint8_t* const out = bytes.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < count; ++i) std::memcpy(out + end[i], texts[i].data(), texts[i].size());
  return {bytes, ends};
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) { m.impl("polygons_to_rle", &polygons_to_rle); }

}  // namespace e2ec
