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
  // The rows of a column's toggles, of which there are hardly ever more than four.
  struct Column {
    int count;
    int rows[4];
  };

  void round_vertices(const double* points, int64_t count);
  void walk(const Vertex& from, const Vertex& to);
  void walk_columns(const Vertex& start, double slope, int first, int last);
  void walk_rows(const Vertex& start, double slope, int first, int last);
  void add(int column, int fine_row);
  void sort();

  int64_t height_, width_;
  int lowest_;  // the height, within what integers of a grid hold
  int left_ = 0;  // the first column that the polygon can touch
  std::vector<Vertex> vertices_;
  std::vector<Column> columns_;
  std::vector<Toggle> others_;  // those for which their column had no room
  std::vector<int64_t> places_;
};

// Checks points (total, 2) float64 and offsets (n + 1,) int64 of n polygons; `op` is for messages.
// Returns the offsets, contiguous.
at::Tensor check_polygons(const char* op, const at::Tensor& points, const at::Tensor& offsets,
                          int64_t height, int64_t width);

}  // namespace e2ec
