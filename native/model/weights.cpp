// Which tensor goes where, and whether all of them are there.
#include "weights.h"

#include <algorithm>
#include <new>

#include "../common/file_reader.h"
#include "roles.h"
#include "synthetic_source.h"
#include "tensor_loader.h"
#include "workspace.h"

namespace bitnet {
namespace {

bool complete(const Weights& w) {
  const auto layer_complete = [](const LayerWeights& l) {
    return l.q_norm.empty() == l.k_norm.empty() && !l.attn_norm.empty() && !l.ffn_norm.empty() &&
           l.q.rows && l.k.rows && l.v.rows && l.o.rows && l.gate.rows && l.up.rows && l.down.rows;
  };
  return w.embedding.rows() && !w.output_norm.empty() &&
         std::all_of(w.layers.begin(), w.layers.end(), layer_complete);
}

// Squared ReLU makes zeros: where a kernel can skip them, and a layer shall, `up` and `down` are
// kept in units.
Linear::Kind layout_of(const Weights& w, const TensorSpec& tensor) {
  const std::vector<int32_t>& layers = w.kernels.zero_layers;
  const size_t layer = static_cast<size_t>(tensor.layer);
  const bool chosen = layers.empty() || (layer < layers.size() && layers[layer] != 0);
  if (chosen && w.kernels.units && w.spec.activation == Activation::kRelu2 &&
      w.spec.dim <= kMaxUnitWidth && !has_branch_norms(w.spec, Branch::kFeedForward)) {
    if (tensor.role == "ffn_up")
      return Linear::Kind::kRowUnits;
    if (tensor.role == "ffn_down")
      return Linear::Kind::kColumnUnits;
  }
  return Linear::Kind::kTernary;
}

// An embedding in floats from this many bytes on is not copied into memory.
constexpr uint64_t kLeaveInFile = uint64_t{32} << 20;

// From which size on a table in floats stays in the file: as a head only where it is screened.
uint64_t leave_from(const Weights& w, const std::string& role) {
  const bool is_head = role == "output" || !has_role(w.spec, "output");
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
  const Role* role = find_role(tensor.role);
  const Slot slot = role ? slot_of(*role, tensor.layer, w) : Slot();
  // TypeScript has checked the shape with a better message, this guards the memory.
  if (std::holds_alternative<std::monostate>(slot) || tensor.rows != role->rows(w.spec) ||
      tensor.cols != role->cols(w.spec) || tensor.part >= files.size() ||
      tensor.scale_part >= files.size())
    return Status::error(Code::kModel,
                         "Tensor \"" + tensor.name + "\" does not fit the model's graph.");
  TensorLoader loader(*files[tensor.part], *files[tensor.scale_part], w.kernels, pool, w.arena);
  if (std::vector<float>* const* vector = std::get_if<std::vector<float>*>(&slot)) {
    Status status = loader.load_vector(tensor, *vector);
    w.bytes.norms += (*vector)->size() * sizeof(float);
    return status;
  }
  if (RowTable* const* table = std::get_if<RowTable*>(&slot))
    return loader.load_table(tensor, files[tensor.part], leave_from(w, tensor.role), *table);
  Linear* linear = std::get<Linear*>(slot);
  Status status = loader.load_linear(tensor, layout_of(w, tensor), linear);
  (linear->is_ternary() ? w.bytes.ternary : w.bytes.dense) += memory_of(*linear);
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
