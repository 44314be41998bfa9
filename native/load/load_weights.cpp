// Which tensor goes where, and whether all of them are there.
#include "load_weights.h"

#include <algorithm>
#include <new>
#include <numeric>

#include "../common/file_reader.h"
#include "../graph/adapter.h"
#include "../graph/roles.h"
#include "../graph/workspace.h"
#include "synthetic_source.h"
#include "tensor_loader.h"

namespace bitnet {
namespace {

bool complete(const Weights& w) {
  const auto has_network = [&w](const LayerWeights& l) {
    return w.spec.n_expert == 0 ? l.gate.rows && l.up.rows && l.down.rows
                                : l.router.rows && !l.expert_gates.empty() &&
                                      !l.expert_ups.empty() && !l.expert_downs.empty();
  };
  const auto attends = [](const LayerWeights& l) {
    return l.q_norm.empty() == l.k_norm.empty() && l.q.rows && l.k.rows && l.v.rows && l.o.rows;
  };
  const auto recurs = [&w](const LayerWeights& l) {
    const bool own = w.spec.recurrent.state_space
                         ? l.state_in.rows && !l.skip.empty()
                         : l.qkv.rows && l.state_gate.rows && l.decay_in.rows && l.beta_in.rows &&
                               !l.state_norm.empty();
    return own && !l.conv.empty() && !l.decay_bias.empty() && !l.decay_rate.empty() &&
           l.state_out.rows;
  };
  for (size_t i = 0; i < w.layers.size(); ++i) {
    const LayerWeights& l = w.layers[i];
    if ((l.attn_norm.empty() && l.attn_post_norm.empty()) ||
        (l.ffn_norm.empty() && l.ffn_post_norm.empty()) || !has_network(l) ||
        (w.spec.is_recurrent(i) && !recurs(l)) || (w.spec.attends(i) && !attends(l)))
      return false;
  }
  return w.embedding.rows() && !w.output_norm.empty();
}

using Sources = std::vector<std::shared_ptr<const ByteSource>>;

// Rows of an embedding are made beforehand, on the threads of `pool`, where that is not null.
Status open_sources(const ModelSpec& spec, ThreadPool* pool, Sources* out) {
  if (spec.synthetic) {
    auto source = std::make_shared<SyntheticSource>(spec);
    out->push_back(source);
    return pool ? source->prepare(*pool) : Status();
  }
  std::vector<std::string> paths = spec.shards;
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

// The rotation of what enters a tensor, which it shares with others.
const Rotation* rotation_for(Weights& w, const TensorSpec& tensor) {
  if (!tensor.rotated)
    return nullptr;
  Rotation own = rotation_of(w.spec, tensor);
  for (const auto& rotation : w.rotations)
    if (rotation->width == own.width && rotation->key_heads == own.key_heads)
      return rotation.get();
  w.rotations.push_back(std::make_unique<Rotation>(std::move(own)));
  return w.rotations.back().get();
}

// The matrices that a slot holds, made where there are none yet.
std::vector<Linear*> matrices_in(const Slot& slot, size_t experts) {
  if (RowTable* const* table = std::get_if<RowTable*>(&slot))
    return {&(*table)->linear};
  if (Linear* const* linear = std::get_if<Linear*>(&slot))
    return {*linear};
  std::vector<Linear*> all;
  if (std::vector<Linear>* const* matrices = std::get_if<std::vector<Linear>*>(&slot)) {
    (*matrices)->resize(experts);
    for (Linear& linear : **matrices)
      all.push_back(&linear);
  }
  return all;
}

// A tensor that was prepared.
Status restore_tensor(Weights& w, size_t place, const PreparedWeights& prepared) {
  const TensorSpec& tensor = w.spec.tensors[place];
  const Slot slot = slot_of(*find_role(tensor.role), tensor.layer, w);
  const std::vector<Linear*> matrices = matrices_in(slot, tensor.experts);
  Status status = prepared.restore(place, tensor, w.kernels, matrices, &w.plan[place]);
  if (status.ok() && tensor.rotated && tensor.experts == 0)
    matrices[0]->rotation = rotation_for(w, tensor);
  return status;
}

Status load_tensor(Weights& w, const Sources& files, ThreadPool& pool, const TensorSpec& tensor,
                   PlannedTensor* planned) {
  if (tensor.shard >= files.size() || tensor.scale_shard >= files.size())
    return Status::error(Code::kModel,
                         "Tensor \"" + tensor.name + "\" has a shard index out of range.");
  const Slot slot = slot_of(*find_role(tensor.role), tensor.layer, w);
  TensorLoader loader(*files[tensor.shard], *files[tensor.scale_shard], w.kernels, pool, w.arena);
  if (std::vector<float>* const* vector = std::get_if<std::vector<float>*>(&slot))
    return loader.load_vector(tensor, *vector);
  if (RowTable* const* table = std::get_if<RowTable*>(&slot)) {
    (*table)->linear.rotation = rotation_for(w, tensor);
    return loader.load_table(tensor, *planned, files[tensor.shard], *table);
  }
  if (std::vector<Linear>* const* experts = std::get_if<std::vector<Linear>*>(&slot))
    return loader.load_experts(tensor, planned, *experts);
  Linear& linear = *std::get<Linear*>(slot);
  linear.rotation = rotation_for(w, tensor);
  return loader.load_linear(tensor, planned, &linear);
}

// Of a graph whose norms have no weights.
void add_unit_norms(Weights& w) {
  const std::vector<float> ones(w.spec.dim, 1.0f);
  w.output_norm = ones;
  for (LayerWeights& layer : w.layers)
    layer.attn_norm = layer.ffn_norm = ones;
}

// The head gets an int8 copy where its rows stay in the file.
Status finish_head(Weights& w, ThreadPool& pool, const PreparedWeights* prepared) {
  w.tied = w.output.rows() == 0;
  const RowTable& head = w.head();
  const PrefilterKernel& kernel = *w.kernels.prefilter;
  if (prepared && head.in_memory() == prepared->has_head_copy())
    return Status::error(Code::kFile, "its head is another");
  if (prepared && prepared->has_head_copy())
    return prepared->restore_head_copy(head.rows(), head.cols(), kernel, &w.head_copy);
  return head.in_memory() ? Status() : build_head_copy(head, kernel, pool, &w.head_copy);
}

Status load_tensors(Weights& w, const std::vector<size_t>& places, const Sources& files,
                    ThreadPool& pool, const LoadControl& control) {
  uint64_t total = 1;
  uint64_t done = 0;
  for (size_t place : places)
    total += w.spec.tensors[place].bytes;
  for (size_t place : places) {
    const TensorSpec& tensor = w.spec.tensors[place];
    if (control.abort.raised())
      return Status::error(Code::kAborted, "Loading the model was aborted.");
    Status status = load_tensor(w, files, pool, tensor, &w.plan[place]);
    if (!status.ok())
      return status;
    done += tensor.bytes;
    control.progress->store(static_cast<int32_t>(done * 1000 / total));
  }
  return {};
}

Status all_unchanged(const Sources& files) {
  for (const auto& file : files) {
    Status status = file->unchanged();
    if (!status.ok())
      return status;
  }
  return {};
}

// Reads what was prepared, and removes its places from those that are still to be loaded.
Status restore_all(Weights& w, ThreadPool& pool, const LoadControl& control,
                   PreparedWeights& prepared, std::vector<size_t>* places) {
  Status status = prepared.read(w.arena, pool, control);
  std::vector<size_t> others;
  for (size_t place : *places) {
    if (!prepared.has(place))
      others.push_back(place);
    else if (status.ok())
      status = restore_tensor(w, place, prepared);
  }
  *places = std::move(others);
  return status;
}

// `fault`: where the prepared file is to blame for a failure.
Status load_all(Weights& w, ThreadPool& pool, const LoadControl& control, PreparedWeights* prepared,
                bool* fault) {
  Sources files;
  WorkspacePlan workspace;
  Status status = plan_workspace(w.spec, pool.threads(), &workspace);
  if (status.ok())
    status = open_sources(w.spec, &pool, &files);
  std::vector<size_t> places(w.spec.tensors.size());
  std::iota(places.begin(), places.end(), size_t{0});
  if (status.ok() && prepared) {
    status = restore_all(w, pool, control, *prepared, &places);
    *fault = status.code == Code::kFile;
  }
  if (status.ok())
    status = load_tensors(w, places, files, pool, control);
  if (status.ok() && w.spec.layer_norm)
    add_unit_norms(w);
  if (status.ok() && !complete(w))
    status = Status::error(Code::kModel, "A tensor the model's graph needs is missing.");
  if (status.ok()) {
    status = finish_head(w, pool, prepared);
    *fault = prepared && !status.ok();
  }
  number_adapted(w);
  return status.ok() ? all_unchanged(files) : status;
}

uint64_t sum_of(const std::vector<PlannedTensor>& plan) {
  uint64_t bytes = 0;
  for (const PlannedTensor& planned : plan)
    bytes += planned.bytes;
  return bytes;
}

Status load_into(Weights& w, const ModelSpec& spec, const LoadPlan& plan, ThreadPool& pool,
                 const LoadControl& control, PreparedWeights* prepared, bool* fault) {
  w.spec = spec;
  w.kernels = plan.kernels;
  w.plan = plan.tensors;
  w.layers.resize(spec.n_layer);
  Status status = load_all(w, pool, control, prepared, fault);
  w.bytes = sum_of(w.plan);
  return status;
}

// Matrices that `plan` holds otherwise. What only the weights could tell stays as they told it.
std::vector<size_t> changed_places(const Weights& w, const LoadPlan& plan) {
  std::vector<size_t> places;
  for (size_t i = 0; i < w.plan.size(); ++i) {
    const PlannedTensor &now = w.plan[i], &then = plan.tensors[i];
    const bool told = now.layout == TensorLayout::kGroups || now.layout == TensorLayout::kQ4_0;
    if (then.tiles && !told &&
        (now.layout != then.layout ||
         (now.layout == TensorLayout::kTiles && now.tiles != then.tiles)))
      places.push_back(i);
  }
  return places;
}

Status replan(Weights& w, const LoadPlan& plan, ThreadPool& pool, const LoadControl& control) {
  Sources files;
  Status status = open_sources(w.spec, nullptr, &files);
  for (size_t place : changed_places(w, plan)) {
    if (!status.ok())
      return status;
    const TensorSpec& tensor = w.spec.tensors[place];
    const Slot slot = slot_of(*find_role(tensor.role), tensor.layer, w);
    if (Linear* const* linear = std::get_if<Linear*>(&slot)) {
      (*linear)->row_scale.clear();
      w.arena.recycle((*linear)->data);
    } // the matrices of experts are replaced one by one
    w.plan[place] = plan.tensors[place];
    status = load_tensors(w, {place}, files, pool, control);
  }
  return status.ok() ? all_unchanged(files) : status;
}

Status load_prepared(const ModelSpec& spec, const LoadPlan& plan, ThreadPool& pool,
                     const LoadControl& control, const PreparedFile& file, PreparedOutcome* outcome,
                     std::shared_ptr<Weights>* out) {
  auto weights = std::make_shared<Weights>();
  PreparedWeights reader;
  Status status = reader.open(file);
  bool fault = !status.ok();
  if (status.ok())
    status = load_into(*weights, spec, plan, pool, control, &reader, &fault);
  if (fault)
    outcome->fault = status.text();
  outcome->used = status.ok();
  if (status.ok())
    *out = std::move(weights);
  return status;
}

Status no_memory() {
  return Status::error(Code::kMemory, "Not enough memory to load the model: close other programs "
                                      "or use a smaller one.");
}

} // namespace

Status load_weights(ModelSpec spec, LoadPlan plan, ThreadPool& pool, const LoadControl& control,
                    std::shared_ptr<Weights>* out, const PreparedFile* prepared,
                    PreparedOutcome* outcome) {
  try {
    if (prepared) {
      Status status = load_prepared(spec, plan, pool, control, *prepared, outcome, out);
      if (outcome->fault.empty())
        return status;
    }
    auto weights = std::make_shared<Weights>();
    bool fault = false;
    Status status = load_into(*weights, spec, plan, pool, control, nullptr, &fault);
    if (status.ok())
      *out = std::move(weights);
    return status;
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

Status replan_weights(Weights& weights, const LoadPlan& plan, ThreadPool& pool,
                      const LoadControl& control) {
  try {
    Status status = replan(weights, plan, pool, control);
    weights.bytes = sum_of(weights.plan);
    return status;
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

} // namespace bitnet
