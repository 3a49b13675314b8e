// Offsets of stretches that follow each other in one tensor, in Arrow's terms.

#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace e2ec {

// Checks that n + 1 offsets lead from 0 to `total` in steps of at least `least`. Returns them
// contiguous: stretch i lies from offset i to offset i + 1.
inline at::Tensor checked_offsets(const char* op, const char* name, const at::Tensor& offsets,
                                  int64_t least, int64_t total) {
  TORCH_CHECK(offsets.dim() == 1 && offsets.scalar_type() == at::kLong && offsets.numel() > 0, op,
              ": ", name, " must be an int64 tensor with one dimension, not empty");
  const at::Tensor packed = offsets.contiguous();
  const int64_t *offset = packed.const_data_ptr<int64_t>(), *last = offset + packed.numel() - 1;
  // No offset is above `total`, so that no sum can wrap around.
  bool good = *offset == 0 && *last == total;
  for (; good && offset < last; ++offset) good = offset[1] <= total && offset[1] >= *offset + least;
  TORCH_CHECK(good, op, ": ", name, " must lead from 0 to ", total, " in steps of at least ", least);
  return packed;
}

}  // namespace e2ec
