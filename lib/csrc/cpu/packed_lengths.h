// Lengths of stretches that follow each other in one tensor.

#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace e2ec {

// Where each stretch begins, and where the last one ends. Every length, at least `least` and at
// most what is left, is checked by itself: a sum that wraps around could be right again.
inline std::vector<int64_t> starts_of(const char* op, const char* name, const at::Tensor& lengths,
                                      int64_t least, int64_t total) {
  TORCH_CHECK(lengths.dim() == 1 && lengths.scalar_type() == at::kLong, op, ": ", name,
              " must be an int64 tensor with one dimension");
  const at::Tensor packed = lengths.contiguous();
  const int64_t* length = packed.const_data_ptr<int64_t>();
  std::vector<int64_t> starts(packed.numel() + 1, 0);
  for (int64_t i = 0; i < packed.numel(); ++i) {
    TORCH_CHECK(length[i] >= least && length[i] <= total - starts[i], op, ": ", name,
                " must be at least ", least, " each and add up to ", total);
    starts[i + 1] = starts[i] + length[i];
  }
  TORCH_CHECK(starts.back() == total, op, ": ", name, " must add up to ", total);
  return starts;
}

}  // namespace e2ec
