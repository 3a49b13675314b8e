// The sizes of a deformable convolution, read from its tensors.

#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "deform_sampling.h"

namespace e2ec {

// Raises RuntimeError where the tensors do not fit each other; kernels read memory by the result.
DeformShape deform_shape(const at::Tensor& input, const at::Tensor& offset,
                         const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                         const std::optional<at::Tensor>& mask, at::IntArrayRef stride,
                         at::IntArrayRef padding, at::IntArrayRef dilation);

}  // namespace e2ec
