// Which tensor goes where, and whether all of them are there.
#include "weights.h"

#include <algorithm>
#include <new>

#include "../common/file_reader.h"
#include "synthetic_source.h"
#include "tensor_loader.h"
#include "workspace.h"

namespace bitnet {
namespace {

struct Shape {
  uint64_t rows;
  uint64_t cols;
};

// The shape the graph needs; TypeScript has checked it with a better message, this guards the
// memory.
Shape expected_shape(const ModelSpec& spec, Role role) {
  const uint64_t q_rows = uint64_t{spec.n_head} * spec.head_dim;
  const uint64_t kv_rows = uint64_t{spec.n_kv_head} * spec.head_dim;
  switch (role) {
  case Role::kTokenEmbd:
  case Role::kOutput:
    return {spec.vocab, spec.dim};
  case Role::kOutputNorm:
  case Role::kAttnNorm:
  case Role::kAttnPostNorm:
  case Role::kFfnNorm:
  case Role::kFfnPostNorm:
  case Role::kAttnQNormIn:
  case Role::kAttnKNormIn:
  case Role::kAttnVNormIn:
  case Role::kFfnGateNormIn:
  case Role::kFfnUpNormIn:
  case Role::kAttnOutputBias:
  case Role::kFfnDownBias:
    return {1, spec.dim};
  case Role::kRopeFreqs:
    return {1, spec.rope_dim / 2};
  case Role::kAttnQNorm:
  case Role::kAttnKNorm:
    return {1, spec.head_dim};
  case Role::kAttnSubNorm:
  case Role::kAttnQBias:
    return {1, q_rows};
  case Role::kAttnKBias:
  case Role::kAttnVBias:
    return {1, kv_rows};
  case Role::kFfnSubNorm:
  case Role::kFfnGateBias:
  case Role::kFfnUpBias:
    return {1, spec.ffn_dim};
  case Role::kAttnQ:
    return {q_rows, spec.dim};
  case Role::kAttnK:
  case Role::kAttnV:
    return {kv_rows, spec.dim};
  case Role::kAttnOutput:
    return {spec.dim, q_rows};
  case Role::kFfnGate:
  case Role::kFfnUp:
    return {spec.ffn_dim, spec.dim};
  case Role::kFfnDown:
    return {spec.dim, spec.ffn_dim};
  }
  return {0, 0};
}

// Where a role's tensor is kept: exactly one of the three is set.
struct Slot {
  Linear* linear = nullptr;
  std::vector<float>* vector = nullptr;
  RowTable* table = nullptr;

  bool empty() const { return !linear && !vector && !table; }
};

Slot find_slot(Weights& w, const TensorSpec& tensor) {
  switch (tensor.role) {
  case Role::kTokenEmbd:
    return {nullptr, nullptr, &w.embedding};
  case Role::kOutput:
    return {nullptr, nullptr, &w.output};
  case Role::kOutputNorm:
    return {nullptr, &w.output_norm};
  case Role::kRopeFreqs:
    return {nullptr, &w.rope_freqs};
  default:
    break;
  }
  if (tensor.layer < 0 || static_cast<size_t>(tensor.layer) >= w.layers.size())
    return {};
  LayerWeights& layer = w.layers[static_cast<size_t>(tensor.layer)];
  switch (tensor.role) {
  case Role::kAttnNorm:
    return {nullptr, &layer.attn_norm};
  case Role::kAttnSubNorm:
    return {nullptr, &layer.attn_sub_norm};
  case Role::kFfnNorm:
    return {nullptr, &layer.ffn_norm};
  case Role::kFfnSubNorm:
    return {nullptr, &layer.ffn_sub_norm};
  case Role::kAttnQ:
    return {&layer.q, nullptr};
  case Role::kAttnK:
    return {&layer.k, nullptr};
  case Role::kAttnV:
    return {&layer.v, nullptr};
  case Role::kAttnOutput:
    return {&layer.o, nullptr};
  case Role::kFfnGate:
    return {&layer.gate, nullptr};
  case Role::kFfnUp:
    return {&layer.up, nullptr};
  case Role::kFfnDown:
    return {&layer.down, nullptr};
  case Role::kAttnQNorm:
    return {nullptr, &layer.q_norm};
  case Role::kAttnKNorm:
    return {nullptr, &layer.k_norm};
  case Role::kAttnPostNorm:
    return {nullptr, &layer.attn_post_norm};
  case Role::kFfnPostNorm:
    return {nullptr, &layer.ffn_post_norm};
  case Role::kAttnQNormIn:
    return {nullptr, &layer.q.norm_in};
  case Role::kAttnKNormIn:
    return {nullptr, &layer.k.norm_in};
  case Role::kAttnVNormIn:
    return {nullptr, &layer.v.norm_in};
  case Role::kFfnGateNormIn:
    return {nullptr, &layer.gate.norm_in};
  case Role::kFfnUpNormIn:
    return {nullptr, &layer.up.norm_in};
  case Role::kAttnQBias:
    return {nullptr, &layer.q.bias};
  case Role::kAttnKBias:
    return {nullptr, &layer.k.bias};
  case Role::kAttnVBias:
    return {nullptr, &layer.v.bias};
  case Role::kAttnOutputBias:
    return {nullptr, &layer.o.bias};
  case Role::kFfnGateBias:
    return {nullptr, &layer.gate.bias};
  case Role::kFfnUpBias:
    return {nullptr, &layer.up.bias};
  case Role::kFfnDownBias:
    return {nullptr, &layer.down.bias};
  default:
    return {};
  }
}

bool complete(const Weights& w) {
  const auto layer_complete = [](const LayerWeights& l) {
    return l.q_norm.empty() == l.k_norm.empty() && !l.attn_norm.empty() && !l.ffn_norm.empty() &&
           l.q.rows && l.k.rows && l.v.rows && l.o.rows && l.gate.rows && l.up.rows && l.down.rows;
  };
  return w.embedding.rows() && !w.output_norm.empty() &&
         std::all_of(w.layers.begin(), w.layers.end(), layer_complete);
}

// Norms of gate, up or the sum: such networks are computed in steps that skip nothing.
bool has_more_norms(const ModelSpec& spec) {
  return std::any_of(spec.tensors.begin(), spec.tensors.end(), [](const TensorSpec& tensor) {
    return tensor.role == Role::kFfnGateNormIn || tensor.role == Role::kFfnUpNormIn ||
           tensor.role == Role::kFfnPostNorm;
  });
}

// Squared ReLU makes zeros: where a kernel can skip them, and a layer shall, `up` and `down` are
// kept in units.
Linear::Kind layout_of(const Weights& w, const TensorSpec& tensor) {
  const std::vector<int32_t>& layers = w.kernels.zero_layers;
  const size_t layer = static_cast<size_t>(tensor.layer);
  const bool chosen = layers.empty() || (layer < layers.size() && layers[layer] != 0);
  if (chosen && w.kernels.units && w.spec.activation == Activation::kRelu2 &&
      w.spec.dim <= kMaxUnitWidth && !has_more_norms(w.spec)) {
    if (tensor.role == Role::kFfnUp)
      return Linear::Kind::kRowUnits;
    if (tensor.role == Role::kFfnDown)
      return Linear::Kind::kColumnUnits;
  }
  return Linear::Kind::kTernary;
}

// An embedding in floats from this many bytes on is not copied into memory.
constexpr uint64_t kLeaveInFile = uint64_t{32} << 20;

// From which size on a table in floats stays in the file: as a head only where it is screened.
uint64_t leave_from(const Weights& w, Role role) {
  const auto is_output = [](const TensorSpec& tensor) { return tensor.role == Role::kOutput; };
  const std::vector<TensorSpec>& tensors = w.spec.tensors;
  const bool is_head =
      role == Role::kOutput || std::none_of(tensors.begin(), tensors.end(), is_output);
  return is_head ? w.kernels.screen_from : kLeaveInFile;
}

uint64_t memory_of(const Linear& w) {
  return w.data.size() + w.row_scale.size() * sizeof(float);
}

using Sources = std::vector<std::shared_ptr<const ByteSource>>;

Status open_sources(const ModelSpec& spec, ThreadPool& pool, Sources* out) {
  if (spec.synthetic) {
    auto source = std::make_shared<SyntheticSource>(spec);
    out->push_back(source);
    return source->prepare(pool);
  }
  std::vector<std::string> paths = spec.parts;
  if (paths.empty())
    paths.push_back(spec.path);
  for (size_t i = 0; i < paths.size(); ++i) {
    auto file = std::make_shared<FileReader>();
    Status status = file->open(paths[i], i < spec.stamps.size() ? &spec.stamps[i] : nullptr);
    if (!status.ok())
      return status;
    out->push_back(std::move(file));
  }
  return {};
}

Status load_tensor(Weights& w, const Sources& files, ThreadPool& pool, const TensorSpec& tensor) {
  const Shape shape = expected_shape(w.spec, tensor.role);
  const Slot slot = find_slot(w, tensor);
  if (tensor.rows != shape.rows || tensor.cols != shape.cols || slot.empty() ||
      tensor.part >= files.size() || tensor.scale_part >= files.size())
    return Status::error(Code::kModel,
                         "Tensor \"" + tensor.name + "\" does not fit the model's graph.");
  TensorLoader loader(*files[tensor.part], *files[tensor.scale_part], w.kernels, pool, w.arena);
  if (slot.vector) {
    Status status = loader.load_vector(tensor, slot.vector);
    w.bytes.norms += slot.vector->size() * sizeof(float);
    return status;
  }
  if (slot.table)
    return loader.load_table(tensor, files[tensor.part], leave_from(w, tensor.role), slot.table);
  Status status = loader.load_linear(tensor, layout_of(w, tensor), slot.linear);
  (slot.linear->is_ternary() ? w.bytes.ternary : w.bytes.dense) += memory_of(*slot.linear);
  return status;
}

// The head gets a shadow where its rows stay in the file.
Status finish_head(Weights& w, ThreadPool& pool) {
  w.tied = w.output.rows() == 0;
  if (!w.head().in_memory()) {
    Status status = build_shadow(w.head(), *w.kernels.screen, pool, &w.shadow);
    if (!status.ok())
      return status;
  }
  w.bytes.head = memory_of(w.embedding.linear) + memory_of(w.output.linear) + w.shadow.bytes();
  return {};
}

Status load_all(Weights& w, const Sources& files, ThreadPool& pool, const LoadControl& control) {
  uint64_t total = 1;
  uint64_t done = 0;
  for (const TensorSpec& tensor : w.spec.tensors)
    total += tensor.bytes;
  for (const TensorSpec& tensor : w.spec.tensors) {
    if (control.abort.raised())
      return Status::error(Code::kAborted, "Loading the model was aborted.");
    Status status = load_tensor(w, files, pool, tensor);
    if (!status.ok())
      return status;
    done += tensor.bytes;
    control.progress->store(static_cast<int32_t>(done * 1000 / total));
  }
  if (!complete(w))
    return Status::error(Code::kModel, "A tensor the model's graph needs is missing.");
  Status status = finish_head(w, pool);
  for (const auto& file : files)
    if (status.ok())
      status = file->unchanged();
  return status;
}

} // namespace

Status Weights::files_unchanged() const {
  for (const RowTable* table : {&embedding, &output}) {
    Status status = table->file ? table->file->unchanged() : Status();
    if (!status.ok())
      return status;
  }
  return {};
}

Status load_weights(ModelSpec spec, const KernelSet& kernels, ThreadPool& pool,
                    const LoadControl& control, std::shared_ptr<const Weights>* out) {
  try {
    auto weights = std::make_shared<Weights>();
    weights->spec = std::move(spec);
    weights->kernels = kernels;
    weights->layers.resize(weights->spec.n_layer);
    Sources files;
    WorkspacePlan plan;
    Status status = plan_workspace(weights->spec, pool.threads(), &plan);
    if (status.ok())
      status = open_sources(weights->spec, pool, &files);
    if (status.ok())
      status = load_all(*weights, files, pool, control);
    if (status.ok())
      *out = std::move(weights);
    return status;
  } catch (const std::bad_alloc&) {
    return Status::error(Code::kMemory, "Not enough memory to load the model: close other programs "
                                        "or use a smaller one.");
  }
}

} // namespace bitnet
