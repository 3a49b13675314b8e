// Deformable bilinear sampling of a block of output pixels, and its gradient.

#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace e2ec {

// Sizes of one deformable convolution. A tap is one position of the kernel, counted row by row.
struct DeformShape {
  int64_t batch, channels, height, width;
  int64_t out_channels, out_height, out_width;
  int64_t kernel_h, kernel_w;
  int64_t stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;
  int64_t groups, offset_groups;

  int64_t taps() const { return kernel_h * kernel_w; }
  int64_t pixels() const { return out_height * out_width; }
  int64_t group_channels() const { return channels / groups; }
  int64_t columns() const { return taps() * group_channels(); }
};

// A range of output pixels of one image and the input channels of one weight group. Positions, and
// all that is computed, are of type P; the image and the columns are of type T.
template <typename T, typename P>
struct SampleBlock {
  const T* image;   // (height, width, channels)
  const P* offset;  // (offset_groups, taps, 2, pixels): dy, dx
  const P* mask;    // (offset_groups, taps, pixels), or null for all ones
  const T* zeros;   // (channels): what lies outside the image
  int64_t pixel_begin, pixel_end;
  int64_t channel_begin, channel_end;
};

// Where the gradients of one image go; all are added to.
template <typename P>
struct SampleGradients {
  P* image;    // (height, width, channels)
  P* offset;   // like SampleBlock::offset
  P* mask;     // like SampleBlock::mask, or null
  P* outside;  // (4, channels): takes what falls outside the image
};

// sample_columns writes the sampled, masked inputs: columns (pixels of the block, taps, group
// channels). sample_columns_backward writes the same columns once more, and adds the gradients that
// follow from `grad_columns`, their gradient.
#define E2EC_SAMPLING(T, P)                                                            \
  void sample_columns(const DeformShape&, const SampleBlock<T, P>&, T* columns);       \
  void sample_columns_backward(const DeformShape&, const SampleBlock<T, P>&,           \
                               const T* grad_columns, const SampleGradients<P>&, T* columns);

E2EC_SAMPLING(float, float)
E2EC_SAMPLING(double, double)
E2EC_SAMPLING(c10::BFloat16, float)

#undef E2EC_SAMPLING

}  // namespace e2ec
