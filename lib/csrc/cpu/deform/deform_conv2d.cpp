// Deformable convolution (v1, v2) on the CPU.
//
// A block of output pixels is sampled into columns (pixels, taps x channels) that stay in the
// second level cache, and multiplied with the weight. Blocks are spread over the threads; every
// sum has a fixed order, so results repeat bit for bit for a given number of threads.

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Dispatch.h>
#include <ATen/OpMathType.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/library.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include "deform_layout.h"
#include "deform_sampling.h"
#include "deform_shape.h"

namespace e2ec {
namespace {

using at::Tensor;

constexpr int64_t kColumnBytes = 512 * 1024;  // half of a usual second level cache
constexpr int64_t kMinBlock = 64, kMaxBlock = 256;
constexpr int64_t kMaxGradientBuffers = 8;

// Pixels per block: the columns fit the cache, and there is work for every thread.
int64_t block_size(const DeformShape& shape, int64_t element_size) {
  const int64_t fitting = kColumnBytes / (shape.columns() * element_size);
  const int64_t share = at::divup(shape.batch * shape.pixels(), at::get_num_threads());
  return std::clamp(std::min(fitting, share) / 16 * 16, kMinBlock, kMaxBlock);
}

// (Cout, C / groups, kh, kw) -> (groups, Cout / groups, taps x C / groups), as columns are ordered.
Tensor weight_rows(const DeformShape& shape, const Tensor& weight) {
  return weight
      .reshape({shape.groups, shape.out_channels / shape.groups, shape.group_channels(),
                shape.taps()})
      .transpose(2, 3)
      .reshape({shape.groups, shape.out_channels / shape.groups, shape.columns()});
}

// The tensors of one call, ready for sampling, and how its pixels fall into blocks.
template <typename T>
struct Plan {
  using P = at::opmath_type<T>;  // of positions and sums

  DeformShape shape;
  Tensor image, offset, mask, zeros, weight;
  int64_t block, blocks;

  Plan(const DeformShape& shape, const Tensor& input, const Tensor& offset, const Tensor& weight,
       const std::optional<Tensor>& mask)
      : shape(shape),
        image(channels_innermost(input)),
        offset(offset.to(at::toOpMathType(input.scalar_type())).contiguous()),
        mask(mask ? mask->to(this->offset.scalar_type()).contiguous() : Tensor()),
        zeros(at::zeros({shape.channels}, input.options())),
        weight(weight_rows(shape, weight)),
        block(block_size(shape, sizeof(T))),
        blocks(at::divup(shape.pixels(), block)) {}

  int64_t tasks() const { return shape.batch * blocks; }

  SampleBlock<T, P> operator()(int64_t task, int64_t group) const {
    const int64_t index = task / blocks, begin = task % blocks * block;
    SampleBlock<T, P> at;
    at.image = image.template const_data_ptr<T>() + index * image.stride(0);
    at.offset = offset.template const_data_ptr<P>() + index * offset.stride(0);
    at.mask = mask.defined() ? mask.template const_data_ptr<P>() + index * mask.stride(0) : nullptr;
    at.zeros = zeros.template const_data_ptr<T>();
    at.pixel_begin = begin;
    at.pixel_end = std::min(begin + block, shape.pixels());
    at.channel_begin = group * shape.group_channels();
    at.channel_end = at.channel_begin + shape.group_channels();
    return at;
  }

  // The block's part of (B, pixels, channels) rows: one image, its pixels, one group's channels.
  Tensor rows(const Tensor& tensor, int64_t task, int64_t group) const {
    const int64_t begin = task % blocks * block, width = tensor.size(2) / shape.groups;
    return tensor.select(0, task / blocks)
        .slice(0, begin, std::min(begin + block, shape.pixels()))
        .narrow(1, group * width, width);
  }
};

template <typename T>
void forward_kernel(const Plan<T>& plan, const Tensor& bias, const Tensor& output) {
  const DeformShape& shape = plan.shape;
  const Tensor rows = as_rows(output);
  const int64_t width = shape.out_channels / shape.groups;
  at::parallel_for(0, plan.tasks(), 1, [&](int64_t begin, int64_t end) {
    // Worker threads do not inherit the caller's dispatch state.
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor buffer = at::empty({plan.block, shape.columns()}, output.options());
    for (int64_t task = begin; task < end; ++task) {
      for (int64_t group = 0; group < shape.groups; ++group) {
        const auto block = plan(task, group);
        sample_columns(shape, block, buffer.mutable_data_ptr<T>());
        const Tensor columns = buffer.slice(0, 0, block.pixel_end - block.pixel_begin);
        const Tensor weight = plan.weight.select(0, group).t();
        Tensor out = plan.rows(rows, task, group);
        if (bias.defined()) {
          at::addmm_out(out, bias.narrow(0, group * width, width), columns, weight);
        } else {
          at::mm_out(out, columns, weight);
        }
      }
    }
  });
}

// What one chunk of the backward pass adds up on its own, in the type of sums.
struct ChunkSums {
  Tensor weight;       // (groups, Cout / groups, columns)
  Tensor first_image;  // (H * W, C): its share of an image that the chunk before also adds to
};

// The blocks of one call, split into a few runs that are added up independently.
struct Chunks {
  int64_t tasks, count;

  explicit Chunks(int64_t tasks)
      : tasks(tasks), count(std::min({int64_t(at::get_num_threads()), tasks, kMaxGradientBuffers})) {}

  int64_t begin(int64_t chunk) const { return tasks * chunk / count; }
};

// sum += grad_rows^T columns; a sum that is wider than the factors is not rounded to their type.
void add_product(const Tensor& sum, const Tensor& grad_rows, const Tensor& columns) {
  if (sum.scalar_type() == columns.scalar_type()) {
    sum.addmm_(grad_rows.t(), columns);
  } else {
    sum.add_(at::mm(grad_rows.t(), columns).to(sum.scalar_type()));
  }
}

template <typename T>
void backward_chunk(const Plan<T>& plan, const Chunks& chunks, int64_t chunk, const Tensor& grad,
                    const Tensor& grad_image, const Tensor& grad_offset, const Tensor& grad_mask,
                    ChunkSums& sums) {
  using P = typename Plan<T>::P;
  const at::AutoDispatchBelowADInplaceOrView guard;
  const DeformShape& shape = plan.shape;
  const Tensor buffer = at::empty({2, plan.block, shape.columns()}, grad.options());
  const Tensor outside = at::zeros({4, shape.channels}, grad_image.options());
  sums.weight = at::zeros(plan.weight.sizes(), grad_image.options());
  const int64_t first = chunks.begin(chunk), end = chunks.begin(chunk + 1);
  if (first % plan.blocks != 0) sums.first_image = at::zeros_like(grad_image[0]);
  for (int64_t task = first; task < end; ++task) {
    const int64_t image = task / plan.blocks;
    const bool shared = sums.first_image.defined() && image == first / plan.blocks;
    SampleGradients<P> gradients;
    gradients.image = shared ? sums.first_image.mutable_data_ptr<P>()
                             : grad_image.mutable_data_ptr<P>() + image * grad_image.stride(0);
    gradients.offset = grad_offset.mutable_data_ptr<P>() + image * grad_offset.stride(0);
    gradients.mask = plan.mask.defined()
                         ? grad_mask.mutable_data_ptr<P>() + image * grad_mask.stride(0)
                         : nullptr;
    gradients.outside = outside.mutable_data_ptr<P>();
    for (int64_t group = 0; group < shape.groups; ++group) {
      const auto block = plan(task, group);
      const int64_t size = block.pixel_end - block.pixel_begin;
      Tensor columns = buffer[0].slice(0, 0, size), grad_columns = buffer[1].slice(0, 0, size);
      const Tensor grad_rows = plan.rows(grad, task, group);
      at::mm_out(grad_columns, grad_rows, plan.weight[group]);
      sample_columns_backward(shape, block, grad_columns.const_data_ptr<T>(), gradients,
                              columns.mutable_data_ptr<T>());
      add_product(sums.weight[group], grad_rows, columns);
    }
  }
}

// Adds the chunks' shares in their order. Returns the sum of the weight gradients.
template <typename T>
Tensor add_chunks(const Plan<T>& plan, const Chunks& chunks, const std::vector<ChunkSums>& sums,
                  const Tensor& grad_image) {
  Tensor weight = at::zeros(plan.weight.sizes(), grad_image.options());
  for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
    weight.add_(sums[chunk].weight);
    if (sums[chunk].first_image.defined()) {
      grad_image[chunks.begin(chunk) / plan.blocks].add_(sums[chunk].first_image);
    }
  }
  return weight;
}

// Whether bfloat16 is multiplied as such: without the instructions float32 is faster.
bool has_bfloat16_products() {
#if defined(E2EC_USE_TARGET_CLONES)
  static const bool supported = at::hasMKLDNN() && __builtin_cpu_supports("avx512bf16");
  return supported && at::globalContext().userEnabledMkldnn();
#else
  return false;
#endif
}

// The type in which images and columns are kept, for an input of `type`.
at::ScalarType column_type(at::ScalarType type) {
  return type == at::kBFloat16 && has_bfloat16_products() ? type : at::toOpMathType(type);
}

Tensor deform_conv2d(const Tensor& input, const Tensor& offset, const Tensor& weight,
                     const std::optional<Tensor>& bias, const std::optional<Tensor>& mask,
                     at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation) {
  const DeformShape shape =
      deform_shape(input, offset, weight, bias, mask, stride, padding, dilation);
  const auto type = column_type(input.scalar_type());
  const Tensor output =
      at::empty({shape.batch, shape.out_channels, shape.out_height, shape.out_width},
                input.options().dtype(type).memory_format(layout_like(input)));
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, type, "deform_conv2d", [&] {
    forward_kernel(Plan<scalar_t>(shape, input.to(type), offset, weight.to(type), mask),
                   bias ? bias->to(type) : Tensor(), output);
  });
  return output.to(input.scalar_type());
}

std::tuple<Tensor, Tensor, Tensor, Tensor> deform_conv2d_backward(
    const Tensor& grad, const Tensor& input, const Tensor& offset, const Tensor& weight,
    const std::optional<Tensor>& mask, at::IntArrayRef stride, at::IntArrayRef padding,
    at::IntArrayRef dilation) {
  const DeformShape shape =
      deform_shape(input, offset, weight, std::nullopt, mask, stride, padding, dilation);
  TORCH_CHECK(grad.sizes() == at::IntArrayRef({shape.batch, shape.out_channels, shape.out_height,
                                               shape.out_width}) &&
                  grad.scalar_type() == input.scalar_type(),
              "deform_conv2d: the gradient does not fit the output");
  const auto type = column_type(input.scalar_type());
  const auto sums_options = input.options().dtype(at::toOpMathType(type));
  const Tensor grad_rows = as_rows(grad.to(type).contiguous(layout_like(grad)));
  const Tensor grad_image =
      at::zeros({shape.batch, shape.height * shape.width, shape.channels}, sums_options);
  const Tensor grad_offset = at::zeros(offset.sizes(), sums_options);
  const Tensor grad_mask =
      mask ? at::zeros(mask->sizes(), sums_options) : at::empty({0}, input.options());
  Tensor grad_weight;
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, type, "deform_conv2d_backward", [&] {
    const Plan<scalar_t> plan(shape, input.to(type), offset, weight.to(type), mask);
    const Chunks chunks(plan.tasks());
    std::vector<ChunkSums> sums(chunks.count);
    at::parallel_for(0, chunks.count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        backward_chunk(plan, chunks, chunk, grad_rows, grad_image, grad_offset, grad_mask,
                       sums[chunk]);
      }
    });
    grad_weight = add_chunks(plan, chunks, sums, grad_image);
  });
  grad_weight = grad_weight
                    .view({shape.out_channels, shape.taps(), shape.group_channels()})
                    .transpose(1, 2)
                    .contiguous()
                    .view(weight.sizes());
  return {from_channels_innermost(grad_image, input).to(input.scalar_type()),
          grad_offset.to(offset.scalar_type()), grad_weight.to(weight.scalar_type()),
          mask ? grad_mask.to(mask->scalar_type()) : grad_mask};
}

}  // namespace

TORCH_LIBRARY_IMPL(e2ec, CPU, m) {
  m.impl("deform_conv2d", &deform_conv2d);
  m.impl("deform_conv2d_backward", &deform_conv2d_backward);
}

}  // namespace e2ec
