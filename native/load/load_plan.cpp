// Every rule about what is packed how.
#include "load_plan.h"

#include "../graph/head_copy.h"
#include "../graph/roles.h"
#include "../kernels/vector/vector.h"
#include "q4_0_block.h"
#include "tensor_loader.h"

namespace bitnet {
namespace {

// An embedding in floats from this many bytes on is not copied into memory.
constexpr uint64_t kLeaveInFile = uint64_t{32} << 20;

// Padding may make small matrices this much larger than they are in the file, and all by so much.
constexpr uint64_t kMostPadding = 8, kPaddingOfAll = uint64_t{1} << 30;

class Planner {
public:
  Planner(const ModelSpec& spec, const KernelSet& kernels, const LoadChoices& choices)
      : spec_(spec), kernels_(kernels), choices_(choices), tied_(!has_role(spec, "output")),
        skips_(kernels.neurons && spec.activation == Activation::kRelu2 &&
               spec.dim <= kMaxNeuronWidth && !has_branch_norms(spec, Branch::kFeedForward)) {}

  Status plan(const TensorSpec& tensor, PlannedTensor* out) const {
    const Role* role = find_role(tensor.role);
    // TypeScript has checked the shape with a better message, this guards the memory.
    if (!role || tensor.rows != role->rows(spec_) || tensor.cols != role->cols(spec_) ||
        tensor.experts != (is_of_experts(*role) ? spec_.n_expert : 0) ||
        (is_of_layer(*role) && !(tensor.layer >= 0 && uint32_t(tensor.layer) < spec_.n_layer)))
      return Status::error(Code::kModel,
                           "Tensor \"" + tensor.name + "\" does not fit the model's graph.");
    const uint32_t block = spec_.rotation_block; // a power of two, as the transform halves it
    if (tensor.rotated && (block < 16 || (block & (block - 1)) != 0 || tensor.cols % block != 0))
      return Status::error(Code::kModel, "Tensor \"" + tensor.name + "\" cannot be rotated by " +
                                             std::to_string(block) + " columns.");
    if (std::holds_alternative<RowTable Weights::*>(role->place))
      return plan_table(tensor, out);
    if (std::holds_alternative<Linear LayerWeights::*>(role->place))
      return plan_matrix(tensor, out);
    if (is_of_experts(*role)) {
      if (spec_.n_expert_used < 1 || spec_.n_expert_used > spec_.n_expert)
        return Status::error(Code::kModel, "A token cannot use " +
                                               std::to_string(spec_.n_expert_used) + " of " +
                                               std::to_string(spec_.n_expert) + " experts.");
      Status status = plan_matrix(tensor, out);
      out->bytes *= tensor.experts;
      return status;
    }
    *out = {TensorLayout::kF32, nullptr, tensor.rows * tensor.cols * sizeof(float)};
    return {};
  }

private:
  static uint64_t packed_bytes(const TernaryKernel& kernel, size_t rows, size_t cols) {
    return uint64_t{pad_to(rows, kernel.tile_rows) / kernel.tile_rows} *
           kernel.tile_bytes(pad_to(cols, kernel.tile_cols));
  }

  Status plan_matrix(const TensorSpec& tensor, PlannedTensor* out) const {
    const size_t rows = static_cast<size_t>(tensor.rows), cols = static_cast<size_t>(tensor.cols);
    DenseType type;
    if (const TernaryFormat* format = find_ternary_format(tensor.type)) {
      *out = {matrix_layout(tensor), &tiles_for(rows, cols), format->row_scales ? rows * 4 : 0};
      if (out->layout == TensorLayout::kNeuronRows)
        out->bytes += rows * kernels_.neurons->neuron_bytes(cols);
      else if (out->layout == TensorLayout::kNeuronColumns)
        out->bytes += cols * kernels_.neurons->neuron_bytes(rows);
      else
        out->bytes += packed_bytes(*out->tiles, rows, cols);
      return {};
    }
    if (!find_dense_type(tensor.type, &type))
      return Status::error(Code::kType,
                           "Tensor \"" + tensor.name + "\" has type " + tensor.type +
                               ", which this version cannot compute with: convert the model.");
    *out = {TensorLayout::kDense, nullptr, rows * held_row_bytes(type, cols)};
    return {};
  }

  // Squared ReLU makes zeros: where a kernel can skip them, and a layer shall, `up` and `down` are
  // kept neuron by neuron.
  TensorLayout matrix_layout(const TensorSpec& tensor) const {
    const std::vector<int32_t>& layers = choices_.skip_layers;
    const size_t layer = static_cast<size_t>(tensor.layer);
    if (skips_ && (layers.empty() || (layer < layers.size() && layers[layer] != 0))) {
      if (tensor.role == "ffn_up")
        return TensorLayout::kNeuronRows;
      if (tensor.role == "ffn_down")
        return TensorLayout::kNeuronColumns;
    }
    return TensorLayout::kTiles;
  }

  const TernaryKernel& tiles_for(uint64_t rows, uint64_t cols) const {
    for (const LoadChoices::ShapeKernel& shape : choices_.by_shape)
      if (shape.rows == rows && shape.cols == cols)
        return *shape.kernel;
    return *kernels_.ternary;
  }

  // Quantized types are as small as the copy would be; unpadded rows cannot be multiplied where
  // they lie. A head stays in the file only where it is prefiltered, other tables are read row by
  // row.
  Status plan_table(const TensorSpec& tensor, PlannedTensor* out) const {
    const size_t rows = static_cast<size_t>(tensor.rows), cols = static_cast<size_t>(tensor.cols);
    const TernaryFormat* format = find_ternary_format(tensor.type);
    if (format && format->scale_cols != 0) {
      *out = {TensorLayout::kQ4_0, nullptr, uint64_t{rows} * (cols / kQ4Block * kQ4BlockBytes)};
      return {};
    }
    DenseType type;
    if (!find_dense_type(tensor.type, &type))
      return Status::error(Code::kType, "Tensor \"" + tensor.name + "\" has type " + tensor.type +
                                            ", which an embedding or output head cannot have: "
                                            "convert the model with F16 or Q8_0 there.");
    const bool is_head = tied_ || tensor.role == "output";
    if (!is_float(type) || cols % kFloatPad != 0 ||
        tensor.bytes < (is_head ? choices_.prefilter_from : kLeaveInFile))
      *out = {TensorLayout::kDense, nullptr, rows * held_row_bytes(type, cols)};
    else if (is_head)
      *out = {TensorLayout::kPrefilter, nullptr, head_copy_bytes(*kernels_.prefilter, rows, cols)};
    else
      *out = {TensorLayout::kFile, nullptr, 0};
    return {};
  }

  const ModelSpec& spec_;
  const KernelSet& kernels_;
  const LoadChoices& choices_;
  const bool tied_;
  const bool skips_; // whether any layer can
};

// What the weights take must not be out of all proportion to the file.
Status check_padding(const ModelSpec& spec, const LoadPlan& plan) {
  uint64_t stored = 0, held = 0;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    stored += spec.tensors[i].bytes;
    held += plan.tensors[i].bytes;
  }
  if (held <= kMostPadding * stored + kPaddingOfAll)
    return {};
  return Status::error(Code::kModel,
                       "Expected matrices large enough to be padded, but the model's " +
                           std::to_string(stored >> 20) + " MiB of weights would take " +
                           std::to_string(held >> 20) + " MiB of memory.");
}

// As TypeScript has checked with better messages.
Status check_recurrence(const ModelSpec& spec) {
  const RecurrentSpec& r = spec.recurrent;
  if (r.layers.empty() || (r.layers.size() == spec.n_layer && r.taps >= 1 && r.taps <= kMostTaps &&
                           r.key_dim >= 1 && r.head_dim >= 1 && r.n_value_head >= 1 &&
                           r.n_key_head >= 1 && r.n_value_head % r.n_key_head == 0))
    return {};
  return Status::error(
      Code::kModel,
      "Recurrent layers cannot have " + std::to_string(r.taps) + " taps and " +
          std::to_string(r.n_value_head) + " value heads of " + std::to_string(r.head_dim) +
          " columns for " + std::to_string(r.n_key_head) + " key heads, listed for " +
          std::to_string(r.layers.size()) + " of " + std::to_string(spec.n_layer) + " layers.");
}

} // namespace

const char* name_of(TensorLayout layout) {
  static constexpr const char* kNames[] = {"f32",         "tiles",          "groups",
                                           "neuron rows", "neuron columns", "dense",
                                           "q4_0",        "file",           "prefilter"};
  return kNames[static_cast<size_t>(layout)];
}

Status plan_load(const ModelSpec& spec, const KernelSet& kernels, const LoadChoices& choices,
                 LoadPlan* out) {
  const Planner planner(spec, kernels, choices);
  out->kernels = kernels;
  out->tensors.clear();
  Status status = check_recurrence(spec);
  for (size_t i = 0; status.ok() && i < spec.tensors.size(); ++i)
    status = planner.plan(spec.tensors[i], &out->tensors.emplace_back());
  return status.ok() ? check_padding(spec, *out) : status;
}

std::string kernel_of(const PlannedTensor& planned, const KernelSet& kernels) {
  switch (planned.layout) {
  case TensorLayout::kF32:
    return "";
  case TensorLayout::kTiles:
    return name_of(*planned.tiles);
  case TensorLayout::kGroups:
    return "groups-" + name_of(groups_of(*planned.tiles));
  case TensorLayout::kNeuronRows:
  case TensorLayout::kNeuronColumns:
    return std::string(kernels.neurons->family) + "-" + kernels.neurons->isa;
  case TensorLayout::kDense:
  case TensorLayout::kQ4_0:
  case TensorLayout::kFile:
    return kernels.dense->isa;
  case TensorLayout::kPrefilter:
    return kernels.prefilter->isa;
  }
  return "";
}

} // namespace bitnet
