// Where the outline of a polygon inverts its mask, bit for bit as the COCO mask tools (rleFrPoly).

#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace e2ec {

// Finds the toggles of one polygon after another; keeps its memory between them.
class PolygonToggles {
 public:
  PolygonToggles(int64_t height, int64_t width);

  // The sorted toggles of `count` points (x, y): from place `column * height + row` on, counted
  // down the columns, the mask is inverted. Row `height` is the top of the next column; the places
  // can repeat. What is returned lives until the next call.
  const std::vector<int64_t>& operator()(const double* points, int64_t count);

 private:
  struct Vertex {
    int x, y;  // on the grid that is five times as fine as the pixels
  };
  struct Toggle {
    int column, row;
  };

  void walk(const Vertex& from, const Vertex& to);
  void walk_columns(const Vertex& start, double slope, int first, int last, Toggle* out);
  void walk_rows(const Vertex& start, double slope, int first, int last, Toggle* out);
  void sort();

  int64_t height_, width_;
  int lowest_;  // the height, within what integers of a grid hold
  std::vector<Toggle> toggles_;
  int left_ = 0, right_ = 0;  // the outermost columns of the toggles
  std::vector<int> ends_;
  std::vector<int64_t> places_;
};

// Checks points (total, 2) float64 and lengths (n,) int64 of packed polygons; `op` is for messages.
void check_polygons(const char* op, const at::Tensor& points, const at::Tensor& lengths,
                    int64_t height, int64_t width);

}  // namespace e2ec
