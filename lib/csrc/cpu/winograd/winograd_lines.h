// Lines of Winograd's minimal filtering F(m, 3): m values of a filter of three taps from m + 2
// inputs with m + 2 products (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// CVPR 2016). The points are those of lib/ops/winograd/minimal_filtering.py; two-dimensional filters are
// lines along one side, then along the other.
//
// All functions take vectors of channels that stand `step` apart, and may work in place.

#pragma once

#include <cstdint>

#include "../lanes.h"
#include "../multiversion.h"

namespace e2ec {

// F(4, 3) with the points 0, +-a, +-b and infinity.
struct Filter4 {
  static constexpr int64_t kOut = 4, kIn = 6;
  static constexpr float kA2 = 0.5f, kB2 = 2.0f;
  static constexpr float kA = 0.70710678118654752f, kB = 1.41421356237309505f;

  static E2EC_INLINE void in(const Vec* from, Vec* to, int64_t step) {
    const Vec d0 = from[0], d1 = from[step], d2 = from[2 * step], d3 = from[3 * step],
              d4 = from[4 * step], d5 = from[5 * step];
    const Vec even_a = d4 - kB2 * d2, odd_a = kA * (d3 - kB2 * d1);
    const Vec even_b = d4 - kA2 * d2, odd_b = kB * (d3 - kA2 * d1);
    to[0] = kA2 * kB2 * d0 - (kA2 + kB2) * d2 + d4;
    to[step] = even_a + odd_a;
    to[2 * step] = even_a - odd_a;
    to[3 * step] = even_b + odd_b;
    to[4 * step] = even_b - odd_b;
    to[5 * step] = kA2 * kB2 * d1 - (kA2 + kB2) * d3 + d5;
  }

  static E2EC_INLINE void out(const Vec* from, Vec* to, int64_t step) {
    const Vec sum_a = from[step] + from[2 * step], odd_a = from[step] - from[2 * step];
    const Vec sum_b = from[3 * step] + from[4 * step], odd_b = from[3 * step] - from[4 * step];
    to[0] = from[0] + sum_a + sum_b;
    to[step] = kA * odd_a + kB * odd_b;
    to[2 * step] = kA2 * sum_a + kB2 * sum_b;
    to[3 * step] = kA * kA2 * odd_a + kB * kB2 * odd_b + from[5 * step];
  }
};

// F(3, 3) with the points 0, +-a, b and infinity.
struct Filter3 {
  static constexpr int64_t kOut = 3, kIn = 5;
  static constexpr float kA = 0.8f, kB = 1.6f, kA2 = kA * kA;

  static E2EC_INLINE void in(const Vec* from, Vec* to, int64_t step) {
    const Vec d0 = from[0], d1 = from[step], d2 = from[2 * step], d3 = from[3 * step],
              d4 = from[4 * step];
    const Vec even = d3 - kB * d2, odd = kA * (d2 - kB * d1);
    const Vec last = d3 - kA2 * d1;
    to[0] = kA2 * (kB * d0 - d1) + even;
    to[step] = even + odd;
    to[2 * step] = even - odd;
    to[3 * step] = last;
    to[4 * step] = kA2 * (kB * d1 - d2) + d4 - kB * d3;
  }

  static E2EC_INLINE void out(const Vec* from, Vec* to, int64_t step) {
    const Vec sum = from[step] + from[2 * step], odd = from[step] - from[2 * step];
    const Vec last = from[3 * step];
    to[0] = from[0] + sum + last;
    to[step] = kA * odd + kB * last;
    to[2 * step] = kA2 * sum + kB * kB * last + from[4 * step];
  }
};

}  // namespace e2ec
