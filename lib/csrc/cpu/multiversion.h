// E2EC_MULTIVERSION: compile a function once per instruction set and pick one when it is loaded.
//
// The library then runs on every machine of its architecture, unlike one built with -march=native,
// and still uses AVX2 or AVX-512 where they exist.

#pragma once

#if defined(E2EC_USE_TARGET_CLONES)
#define E2EC_MULTIVERSION \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define E2EC_MULTIVERSION
#endif

// A template must be inlined into its E2EC_MULTIVERSION caller to be compiled for its instructions.
#if defined(__GNUC__) || defined(__clang__)
#define E2EC_INLINE inline __attribute__((always_inline))
#define E2EC_INLINE_LAMBDA __attribute__((always_inline))
#else
#define E2EC_INLINE inline
#define E2EC_INLINE_LAMBDA
#endif
