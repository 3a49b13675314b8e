// The inner loops of deformable convolution, vectorised over the channels of a pixel.

#include "deform_sampling.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "../multiversion.h"

namespace e2ec {
namespace {

E2EC_INLINE float from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The bits of the nearest bfloat16, in the upper half; ties to even.
E2EC_INLINE uint32_t bfloat16_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t nearest = bits + 0x7fff + (bits >> 16 & 1);
  return (value == value ? nearest : 0x7fc00000u) & 0xffff0000u;
}

// Images and columns are read and written as T and computed with in P, the type of positions.
E2EC_INLINE float widen(float value) { return value; }
E2EC_INLINE double widen(double value) { return value; }
E2EC_INLINE float widen(c10::BFloat16 value) { return from_bits(uint32_t(value.x) << 16); }

E2EC_INLINE void narrow(float value, float& to) { to = value; }
E2EC_INLINE void narrow(double value, double& to) { to = value; }
E2EC_INLINE void narrow(float value, c10::BFloat16& to) {
  to.x = uint16_t(bfloat16_bits(value) >> 16);
}

// A sampling position: its four corners (top left, top right, bottom left, bottom right).
template <typename P>
struct Position {
  bool inside;       // any corner lies in the image
  int64_t index[4];  // of the corner's first channel in the image, -1 outside
  P weight[4];       // bilinear weights
  P y, x;            // fraction of the way from the top left corner to the bottom right one
  P mask;            // factor of the sample
};

// The largest integer that is not above a value of at least -1. The sum may be rounded up to the
// next integer, and then one too many comes out; unseen, that would be a row beyond the image.
template <typename P>
E2EC_INLINE int64_t whole_part(P value) {
  const int64_t found = static_cast<int64_t>(value + P(1)) - 1;
  return found - (P(found) > value);
}

template <typename P>
E2EC_INLINE Position<P> locate(const DeformShape& shape, P y, P x, P mask) {
  Position<P> at;
  at.mask = mask;
  // Written so that NaN counts as outside.
  at.inside = y >= P(-1) && y < P(shape.height) && x >= P(-1) && x < P(shape.width);
  if (!at.inside) return at;
  const int64_t top = whole_part(y), left = whole_part(x);
  at.y = y - P(top);
  at.x = x - P(left);
  at.weight[0] = (P(1) - at.y) * (P(1) - at.x);
  at.weight[1] = (P(1) - at.y) * at.x;
  at.weight[2] = at.y * (P(1) - at.x);
  at.weight[3] = at.y * at.x;
  const int64_t first = (top * shape.width + left) * shape.channels;
  const int64_t below = shape.width * shape.channels, right = shape.channels;
  // No branches: where the image ends is hard to predict.
  const bool in_top = top >= 0, in_bottom = top + 1 < shape.height;
  const bool in_left = left >= 0, in_right = left + 1 < shape.width;
  at.index[0] = in_top & in_left ? first : -1;
  at.index[1] = in_top & in_right ? first + right : -1;
  at.index[2] = in_bottom & in_left ? first + below : -1;
  at.index[3] = in_bottom & in_right ? first + below + right : -1;
  return at;
}

// One tap of one offset group, seen from one weight group: the channels both have in common.
template <typename P>
struct Stream {
  const P* dy;
  const P* dx;
  const P* mask;
  int64_t channel, count;  // in the image
  int64_t column;          // the same channels in a row of columns
  int64_t base_y, base_x;  // of the tap, before stride and offset
};

template <typename T, typename P>
E2EC_INLINE Stream<P> open_stream(const DeformShape& shape, const SampleBlock<T, P>& block,
                                  int64_t group, int64_t tap) {
  const int64_t per_group = shape.channels / shape.offset_groups;
  const int64_t row = group * shape.taps() + tap;
  Stream<P> stream;
  stream.dy = block.offset + 2 * row * shape.pixels();
  stream.dx = stream.dy + shape.pixels();
  stream.mask = block.mask ? block.mask + row * shape.pixels() : nullptr;
  stream.channel = std::max(block.channel_begin, group * per_group);
  stream.count = std::min(block.channel_end, (group + 1) * per_group) - stream.channel;
  stream.column = tap * shape.group_channels() + stream.channel - block.channel_begin;
  stream.base_y = tap / shape.kernel_w * shape.dilation_h - shape.padding_h;
  stream.base_x = tap % shape.kernel_w * shape.dilation_w - shape.padding_w;
  return stream;
}

// Calls visit(stream, pixel, row, position) for every pixel of the block and for every tap of every
// offset group that the block's channels belong to; `row` counts the pixels from the block's first.
// Pixel by pixel, because the taps of neighbouring pixels mostly meet in the first level cache.
template <typename T, typename P, typename Visit>
E2EC_INLINE void for_each_sample(const DeformShape& shape, const SampleBlock<T, P>& block,
                                 Visit visit) {
  const int64_t per_group = shape.channels / shape.offset_groups;
  const int64_t last = (block.channel_end - 1) / per_group;
  std::vector<Stream<P>> streams;
  for (int64_t group = block.channel_begin / per_group; group <= last; ++group) {
    for (int64_t tap = 0; tap < shape.taps(); ++tap) {
      streams.push_back(open_stream(shape, block, group, tap));
    }
  }
  for (int64_t pixel = block.pixel_begin; pixel < block.pixel_end; ++pixel) {
    const int64_t y = pixel / shape.out_width * shape.stride_h;
    const int64_t x = pixel % shape.out_width * shape.stride_w;
    for (const Stream<P>& stream : streams) {
      const P mask = stream.mask ? stream.mask[pixel] : P(1);
      visit(stream, pixel, pixel - block.pixel_begin,
            locate(shape, P(y + stream.base_y) + stream.dy[pixel],
                   P(x + stream.base_x) + stream.dx[pixel], mask));
    }
  }
}

// out = the sum of the corners' channels times their weights.
template <typename T, typename P>
E2EC_INLINE void blend(const T* const corner[4], const P weight[4], int64_t count, T* out) {
  const T *a = corner[0], *b = corner[1], *c = corner[2], *d = corner[3];
  const P wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    narrow(wa * widen(a[i]) + wb * widen(b[i]) + (wc * widen(c[i]) + wd * widen(d[i])), out[i]);
  }
}

// The same for bfloat16, two channels a 32-bit word: the vectors need no shuffling that way.
E2EC_INLINE void blend(const c10::BFloat16* const corner[4], const float weight[4], int64_t count,
                       c10::BFloat16* out) {
  const c10::BFloat16 *a = corner[0], *b = corner[1], *c = corner[2], *d = corner[3];
  const float wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
  const int64_t pairs = count / 2;
#pragma omp simd
  for (int64_t i = 0; i < pairs; ++i) {
    uint32_t va, vb, vc, vd;
    std::memcpy(&va, a + 2 * i, sizeof va);
    std::memcpy(&vb, b + 2 * i, sizeof vb);
    std::memcpy(&vc, c + 2 * i, sizeof vc);
    std::memcpy(&vd, d + 2 * i, sizeof vd);
    const float low = wa * from_bits(va << 16) + wb * from_bits(vb << 16) +
                      (wc * from_bits(vc << 16) + wd * from_bits(vd << 16));
    const float high =
        wa * from_bits(va & 0xffff0000u) + wb * from_bits(vb & 0xffff0000u) +
        (wc * from_bits(vc & 0xffff0000u) + wd * from_bits(vd & 0xffff0000u));
    const uint32_t pair = bfloat16_bits(low) >> 16 | bfloat16_bits(high);
    std::memcpy(out + 2 * i, &pair, sizeof pair);
  }
  for (int64_t i = 2 * pairs; i < count; ++i) {
    narrow(wa * widen(a[i]) + wb * widen(b[i]) + (wc * widen(c[i]) + wd * widen(d[i])), out[i]);
  }
}

template <typename T, typename P>
E2EC_INLINE void sample(const DeformShape& shape, const SampleBlock<T, P>& block, T* columns) {
  const int64_t width = shape.columns();  // holds a division
  for_each_sample(shape, block, [&](const Stream<P>& stream, int64_t, int64_t row,
                                    const Position<P>& at) E2EC_INLINE_LAMBDA {
    T* out = columns + row * width + stream.column;
    if (!at.inside) {
      std::fill_n(out, stream.count, T(P(0) * at.mask));
      return;
    }
    const T* corner[4];
    P weight[4];
    for (int i = 0; i < 4; ++i) {
      corner[i] = at.index[i] < 0 ? block.zeros : block.image + at.index[i] + stream.channel;
      weight[i] = at.mask * at.weight[i];
    }
    blend(corner, weight, stream.count, out);
  });
}

// Inner products of the columns' gradient with the four corners, over the channels of a stream.
template <typename P>
struct CornerDots {
  P a, b, c, d;
};

// One pass over the channels: rebuild the column, add to the corners' gradients, take the dots.
template <typename T, typename P>
E2EC_INLINE CornerDots<P> backward_channels(const T* const corner[4], P* const grad_corner[4],
                                            const T* grad, const P weight[4], int64_t count,
                                            T* out) {
  const T *a = corner[0], *b = corner[1], *c = corner[2], *d = corner[3];
  P *ga = grad_corner[0], *gb = grad_corner[1], *gc = grad_corner[2], *gd = grad_corner[3];
  const P wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
  P dot_a = 0, dot_b = 0, dot_c = 0, dot_d = 0;
#pragma omp simd reduction(+ : dot_a, dot_b, dot_c, dot_d)
  for (int64_t i = 0; i < count; ++i) {
    const P g = widen(grad[i]);
    const P va = widen(a[i]), vb = widen(b[i]), vc = widen(c[i]), vd = widen(d[i]);
    dot_a += g * va;
    dot_b += g * vb;
    dot_c += g * vc;
    dot_d += g * vd;
    narrow(wa * va + wb * vb + (wc * vc + wd * vd), out[i]);
    ga[i] += wa * g;
    gb[i] += wb * g;
    gc[i] += wc * g;
    gd[i] += wd * g;
  }
  return {dot_a, dot_b, dot_c, dot_d};
}

template <typename T, typename P>
E2EC_INLINE void sample_backward(const DeformShape& shape, const SampleBlock<T, P>& block,
                                 const T* grad_columns, const SampleGradients<P>& gradients,
                                 T* columns) {
  const int64_t width = shape.columns();  // holds a division
  for_each_sample(shape, block, [&](const Stream<P>& stream, int64_t pixel, int64_t row,
                                    const Position<P>& at) E2EC_INLINE_LAMBDA {
    const int64_t begin = row * width + stream.column;
    if (!at.inside) {
      std::fill_n(columns + begin, stream.count, T(P(0) * at.mask));
      return;
    }
    const T* corner[4];
    P* grad_corner[4];
    P weight[4];
    for (int i = 0; i < 4; ++i) {
      const bool valid = at.index[i] >= 0;
      corner[i] = valid ? block.image + at.index[i] + stream.channel : block.zeros;
      grad_corner[i] = valid ? gradients.image + at.index[i] + stream.channel
                             : gradients.outside + i * shape.channels;
      weight[i] = at.mask * at.weight[i];
    }
    const CornerDots<P> dot = backward_channels(corner, grad_corner, grad_columns + begin, weight,
                                                stream.count, columns + begin);
    P* grad_dy = gradients.offset + (stream.dy - block.offset);
    P* grad_dx = gradients.offset + (stream.dx - block.offset);
    grad_dy[pixel] += at.mask * ((P(1) - at.x) * (dot.c - dot.a) + at.x * (dot.d - dot.b));
    grad_dx[pixel] += at.mask * ((P(1) - at.y) * (dot.b - dot.a) + at.y * (dot.d - dot.c));
    if (gradients.mask) {
      P* grad_mask = gradients.mask + (stream.mask - block.mask);
      grad_mask[pixel] += at.weight[0] * dot.a + at.weight[1] * dot.b +
                          (at.weight[2] * dot.c + at.weight[3] * dot.d);
    }
  });
}

}  // namespace

// A target clone cannot be a template: one function a type.
#define E2EC_SAMPLING(T, P)                                                                   \
  E2EC_MULTIVERSION                                                                           \
  void sample_columns(const DeformShape& shape, const SampleBlock<T, P>& block, T* columns) { \
    sample(shape, block, columns);                                                            \
  }                                                                                           \
  E2EC_MULTIVERSION                                                                           \
  void sample_columns_backward(const DeformShape& shape, const SampleBlock<T, P>& block,      \
                               const T* grad_columns, const SampleGradients<P>& gradients,    \
                               T* columns) {                                                  \
    sample_backward(shape, block, grad_columns, gradients, columns);                          \
  }

E2EC_SAMPLING(float, float)
E2EC_SAMPLING(double, double)
E2EC_SAMPLING(c10::BFloat16, float)

#undef E2EC_SAMPLING

}  // namespace e2ec
