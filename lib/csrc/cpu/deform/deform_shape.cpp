// Checks and reads the sizes of a deformable convolution.

#include "deform_shape.h"

#include <ATen/OpMathType.h>

namespace e2ec {

using at::Tensor;

DeformShape deform_shape(const Tensor& input, const Tensor& offset, const Tensor& weight,
                         const std::optional<Tensor>& bias, const std::optional<Tensor>& mask,
                         at::IntArrayRef stride, at::IntArrayRef padding,
                         at::IntArrayRef dilation) {
  TORCH_CHECK(input.dim() == 4 && offset.dim() == 4 && weight.dim() == 4,
              "deform_conv2d: input, offset and weight must have 4 dimensions");
  TORCH_CHECK(stride.size() == 2 && padding.size() == 2 && dilation.size() == 2,
              "deform_conv2d: stride, padding and dilation must have 2 values");
  DeformShape shape;
  shape.batch = input.size(0), shape.channels = input.size(1);
  shape.height = input.size(2), shape.width = input.size(3);
  shape.kernel_h = weight.size(2), shape.kernel_w = weight.size(3);
  shape.out_channels = weight.size(0);
  shape.out_height = offset.size(2), shape.out_width = offset.size(3);
  shape.stride_h = stride[0], shape.stride_w = stride[1];
  shape.padding_h = padding[0], shape.padding_w = padding[1];
  shape.dilation_h = dilation[0], shape.dilation_w = dilation[1];
  TORCH_CHECK(weight.size(1) > 0 && shape.taps() > 0, "deform_conv2d: weight is empty");
  shape.groups = shape.channels / weight.size(1);
  shape.offset_groups = offset.size(1) / (2 * shape.taps());
  TORCH_CHECK(shape.groups > 0 && shape.channels == shape.groups * weight.size(1) &&
                  shape.out_channels % shape.groups == 0,
              "deform_conv2d: weight does not fit the input's channels");
  TORCH_CHECK(shape.offset_groups > 0 && shape.channels % shape.offset_groups == 0 &&
                  offset.size(1) == 2 * shape.offset_groups * shape.taps() &&
                  offset.size(0) == shape.batch,
              "deform_conv2d: offset does not fit input and weight");
  TORCH_CHECK(!mask || mask->sizes() == at::IntArrayRef({shape.batch,
                                                         shape.offset_groups * shape.taps(),
                                                         shape.out_height, shape.out_width}),
              "deform_conv2d: mask does not fit offset");
  TORCH_CHECK(!bias || bias->sizes() == at::IntArrayRef({shape.out_channels}),
              "deform_conv2d: bias does not fit weight");
  const auto type = input.scalar_type();
  for (const Tensor& tensor : {weight, bias.value_or(input)}) {
    TORCH_CHECK(tensor.scalar_type() == type && tensor.device() == input.device(),
                "deform_conv2d: input, weight and bias must have one dtype and one device");
  }
  for (const Tensor& tensor : {offset, mask.value_or(input)}) {
    const bool fits = tensor.scalar_type() == type || tensor.scalar_type() == at::toOpMathType(type);
    TORCH_CHECK(fits && tensor.device() == input.device(),
                "deform_conv2d: offset and mask must have the input's dtype, or float32 beside a "
                "shorter one, and its device");
  }
  return shape;
}

}  // namespace e2ec
