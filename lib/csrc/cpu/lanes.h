// Vectors of float32 lanes, as wide as the widest registers.

#pragma once

#include <cstdint>
#include <cstring>

#include "multiversion.h"

namespace e2ec {

constexpr int64_t kLanes = 16;

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));

E2EC_INLINE void load(Vec& to, const float* from) { std::memcpy(&to, from, sizeof(Vec)); }

E2EC_INLINE void store(float* to, const Vec& from) { std::memcpy(to, &from, sizeof(Vec)); }

}  // namespace e2ec
