// Deformable bilinear sampling of a block of output pixels, and its gradient.

#pragma once

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

// A range of output pixels of one image and the input channels of one weight group.
template <typename T>
struct SampleBlock {
  const T* image;   // (height, width, channels)
  const T* offset;  // (offset_groups, taps, 2, pixels): dy, dx
  const T* mask;    // (offset_groups, taps, pixels), or null for all ones
  const T* zeros;   // (channels): what lies outside the image
  int64_t pixel_begin, pixel_end;
  int64_t channel_begin, channel_end;
};

// Where the gradients of one image go; all are added to.
template <typename T>
struct SampleGradients {
  T* image;    // (height, width, channels)
  T* offset;   // like SampleBlock::offset
  T* mask;     // like SampleBlock::mask, or null
  T* outside;  // (4, channels): takes what falls outside the image
};

// Writes the sampled, masked inputs: columns (pixels of the block, taps, group channels).
void sample_columns(const DeformShape&, const SampleBlock<float>&, float* columns);
void sample_columns(const DeformShape&, const SampleBlock<double>&, double* columns);

// The same columns once more, and the gradients that follow from `grad_columns`, their gradient.
void sample_columns_backward(const DeformShape&, const SampleBlock<float>&,
                             const float* grad_columns, const SampleGradients<float>&,
                             float* columns);
void sample_columns_backward(const DeformShape&, const SampleBlock<double>&,
                             const double* grad_columns, const SampleGradients<double>&,
                             double* columns);

}  // namespace e2ec
