// The inner loops of deformable convolution, vectorised over the channels of a pixel.

#include "deform_sampling.h"

#include <algorithm>
#include <cmath>

#include "multiversion.h"

namespace e2ec {
namespace {

// A sampling position: its four corners (top left, top right, bottom left, bottom right).
template <typename T>
struct Position {
  bool inside;       // any corner lies in the image
  int64_t index[4];  // of the corner's first channel in the image, -1 outside
  T weight[4];       // bilinear weights
  T y, x;            // fraction of the way from the top left corner to the bottom right one
};

template <typename T>
E2EC_INLINE Position<T> locate(const DeformShape& shape, T y, T x) {
  Position<T> at;
  // Written so that NaN counts as outside.
  at.inside = y >= T(-1) && y < T(shape.height) && x >= T(-1) && x < T(shape.width);
  if (!at.inside) return at;
  const int64_t top = static_cast<int64_t>(y + T(1)) - 1;
  const int64_t left = static_cast<int64_t>(x + T(1)) - 1;
  at.y = y - T(top);
  at.x = x - T(left);
  at.weight[0] = (T(1) - at.y) * (T(1) - at.x);
  at.weight[1] = (T(1) - at.y) * at.x;
  at.weight[2] = at.y * (T(1) - at.x);
  at.weight[3] = at.y * at.x;
  for (int corner = 0; corner < 4; ++corner) {
    const int64_t row = top + corner / 2;
    const int64_t column = left + corner % 2;
    const bool valid = row >= 0 && row < shape.height && column >= 0 && column < shape.width;
    at.index[corner] = valid ? (row * shape.width + column) * shape.channels : -1;
  }
  return at;
}

// One tap of one offset group, seen from one weight group: the channels both have in common.
template <typename T>
struct Stream {
  const T* dy;
  const T* dx;
  const T* mask;
  int64_t channel, count;  // in the image
  int64_t column;          // the same channels in a row of columns
  int64_t base_y, base_x;  // of the tap, before stride and offset
};

template <typename T>
E2EC_INLINE Stream<T> open_stream(const DeformShape& shape, const SampleBlock<T>& block,
                                  int64_t group, int64_t tap) {
  const int64_t per_group = shape.channels / shape.offset_groups;
  const int64_t row = group * shape.taps() + tap;
  Stream<T> stream;
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

template <typename T>
E2EC_INLINE Position<T> locate_pixel(const DeformShape& shape, const Stream<T>& stream,
                                     int64_t pixel) {
  const int64_t y = pixel / shape.out_width * shape.stride_h + stream.base_y;
  const int64_t x = pixel % shape.out_width * shape.stride_w + stream.base_x;
  return locate(shape, T(y) + stream.dy[pixel], T(x) + stream.dx[pixel]);
}

// Calls visit(stream) for every tap of every offset group that the block's channels belong to.
template <typename T, typename Visit>
E2EC_INLINE void for_each_stream(const DeformShape& shape, const SampleBlock<T>& block,
                                 Visit visit) {
  const int64_t per_group = shape.channels / shape.offset_groups;
  const int64_t last = (block.channel_end - 1) / per_group;
  for (int64_t group = block.channel_begin / per_group; group <= last; ++group) {
    for (int64_t tap = 0; tap < shape.taps(); ++tap) visit(open_stream(shape, block, group, tap));
  }
}

template <typename T>
E2EC_INLINE void sample(const DeformShape& shape, const SampleBlock<T>& block, T* columns) {
  for_each_stream(shape, block, [&](const Stream<T>& stream) E2EC_INLINE_LAMBDA {
    T* out = columns + stream.column;
    for (int64_t pixel = block.pixel_begin; pixel < block.pixel_end; ++pixel) {
      const T mask = stream.mask ? stream.mask[pixel] : T(1);
      const Position<T> at = locate_pixel(shape, stream, pixel);
      if (at.inside) {
        const T* corner[4];
        for (int i = 0; i < 4; ++i) {
          corner[i] = at.index[i] < 0 ? block.zeros : block.image + at.index[i] + stream.channel;
        }
        const T *a = corner[0], *b = corner[1], *c = corner[2], *d = corner[3];
        const T wa = mask * at.weight[0], wb = mask * at.weight[1];
        const T wc = mask * at.weight[2], wd = mask * at.weight[3];
#pragma omp simd
        for (int64_t i = 0; i < stream.count; ++i) {
          out[i] = wa * a[i] + wb * b[i] + (wc * c[i] + wd * d[i]);
        }
      } else {
        std::fill_n(out, stream.count, T(0) * mask);
      }
      out += shape.columns();
    }
  });
}

// Inner products of the columns' gradient with the four corners, over the channels of a stream.
template <typename T>
struct CornerDots {
  T a, b, c, d;
};

// One pass over the channels: rebuild the column, add to the corners' gradients, take the dots.
template <typename T>
E2EC_INLINE CornerDots<T> backward_channels(const T* const corner[4], T* const grad_corner[4],
                                            const T* grad, const T weight[4], int64_t count,
                                            T* out) {
  const T *a = corner[0], *b = corner[1], *c = corner[2], *d = corner[3];
  T *ga = grad_corner[0], *gb = grad_corner[1], *gc = grad_corner[2], *gd = grad_corner[3];
  const T wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
  T dot_a = 0, dot_b = 0, dot_c = 0, dot_d = 0;
#pragma omp simd reduction(+ : dot_a, dot_b, dot_c, dot_d)
  for (int64_t i = 0; i < count; ++i) {
    const T g = grad[i];
    dot_a += g * a[i];
    dot_b += g * b[i];
    dot_c += g * c[i];
    dot_d += g * d[i];
    out[i] = wa * a[i] + wb * b[i] + (wc * c[i] + wd * d[i]);
    ga[i] += wa * g;
    gb[i] += wb * g;
    gc[i] += wc * g;
    gd[i] += wd * g;
  }
  return {dot_a, dot_b, dot_c, dot_d};
}

template <typename T>
E2EC_INLINE void sample_backward(const DeformShape& shape, const SampleBlock<T>& block,
                                 const T* grad_columns, const SampleGradients<T>& gradients,
                                 T* columns) {
  for_each_stream(shape, block, [&](const Stream<T>& stream) E2EC_INLINE_LAMBDA {
    T* out = columns + stream.column;
    const T* grad = grad_columns + stream.column;
    T* grad_dy = gradients.offset + (stream.dy - block.offset);
    T* grad_dx = gradients.offset + (stream.dx - block.offset);
    T* grad_mask = gradients.mask ? gradients.mask + (stream.mask - block.mask) : nullptr;
    for (int64_t pixel = block.pixel_begin; pixel < block.pixel_end; ++pixel) {
      const T mask = stream.mask ? stream.mask[pixel] : T(1);
      const Position<T> at = locate_pixel(shape, stream, pixel);
      if (at.inside) {
        const T* corner[4];
        T* grad_corner[4];
        T weight[4];
        for (int i = 0; i < 4; ++i) {
          const bool valid = at.index[i] >= 0;
          corner[i] = valid ? block.image + at.index[i] + stream.channel : block.zeros;
          grad_corner[i] = valid ? gradients.image + at.index[i] + stream.channel
                                 : gradients.outside + i * shape.channels;
          weight[i] = mask * at.weight[i];
        }
        const CornerDots<T> dot =
            backward_channels(corner, grad_corner, grad, weight, stream.count, out);
        grad_dy[pixel] += mask * ((T(1) - at.x) * (dot.c - dot.a) + at.x * (dot.d - dot.b));
        grad_dx[pixel] += mask * ((T(1) - at.y) * (dot.b - dot.a) + at.y * (dot.d - dot.c));
        if (grad_mask) {
          grad_mask[pixel] += at.weight[0] * dot.a + at.weight[1] * dot.b +
                              (at.weight[2] * dot.c + at.weight[3] * dot.d);
        }
      } else {
        std::fill_n(out, stream.count, T(0) * mask);
      }
      out += shape.columns();
      grad += shape.columns();
    }
  });
}

}  // namespace

E2EC_MULTIVERSION
void sample_columns(const DeformShape& shape, const SampleBlock<float>& block, float* columns) {
  sample(shape, block, columns);
}

E2EC_MULTIVERSION
void sample_columns(const DeformShape& shape, const SampleBlock<double>& block, double* columns) {
  sample(shape, block, columns);
}

E2EC_MULTIVERSION
void sample_columns_backward(const DeformShape& shape, const SampleBlock<float>& block,
                             const float* grad_columns, const SampleGradients<float>& gradients,
                             float* columns) {
  sample_backward(shape, block, grad_columns, gradients, columns);
}

E2EC_MULTIVERSION
void sample_columns_backward(const DeformShape& shape, const SampleBlock<double>& block,
                             const double* grad_columns, const SampleGradients<double>& gradients,
                             double* columns) {
  sample_backward(shape, block, grad_columns, gradients, columns);
}

}  // namespace e2ec
