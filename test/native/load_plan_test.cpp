// The plan of a load: what it says is what loading does, and what an edit of it does too.
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "check.h"
#include "graph/roles.h"
#include "kernels/cpu_features.h"
#include "tiny_model.h"

using namespace bitnet;

namespace {

KernelSet kernels_of(const std::string& name) {
  KernelSet kernels;
  CHECK(select_kernels(detect_cpu_features(), name, &kernels).ok(), name);
  return kernels;
}

// Bytes that a loaded tensor takes.
uint64_t held_bytes(Weights& weights, const TensorSpec& tensor) {
  const Slot slot = slot_of(*find_role(tensor.role), tensor.layer, weights);
  if (const auto* vector = std::get_if<std::vector<float>*>(&slot))
    return (*vector)->size() * sizeof(float);
  if (const auto* table = std::get_if<RowTable*>(&slot))
    return (*table)->in_memory() ? (*table)->linear.data.size() : weights.head_copy.bytes();
  const auto of_matrix = [](uint64_t sum, const Linear& matrix) {
    return sum + matrix.data.size() + matrix.row_scale.size() * sizeof(float);
  };
  if (const auto* experts = std::get_if<std::vector<Linear>*>(&slot))
    return std::accumulate((*experts)->begin(), (*experts)->end(), uint64_t{0}, of_matrix);
  return of_matrix(0, *std::get<Linear*>(slot));
}

void check_same(const std::vector<PlannedTensor>& a, const std::vector<PlannedTensor>& b,
                const std::string& what) {
  CHECK_EQ(a.size(), b.size(), what);
  for (size_t i = 0; i < a.size(); ++i)
    CHECK(a[i].layout == b[i].layout && a[i].tiles == b[i].tiles && a[i].bytes == b[i].bytes,
          what + ", tensor " + std::to_string(i));
}

} // namespace

TEST("a plan says in what layout and how many bytes every tensor is held") {
  for (bool ternary : {true, false})
    for (ModelFile::Extras extras :
         {ModelFile::Extras::kNone, ModelFile::Extras::kAll, ModelFile::Extras::kExperts}) {
      ModelFile file(ternary, 24, extras);
      for (const KernelInfo& kernel : list_kernels(detect_cpu_features()))
        for (uint64_t prefilter_from : {uint64_t{1}, kPrefilterFrom}) {
          if (!kernel.usable)
            continue;
          const KernelSet kernels = kernels_of(kernel.name);
          LoadChoices choices;
          choices.prefilter_from = prefilter_from;
          LoadPlan plan;
          CHECK(plan_load(file.spec(), kernels, choices, &plan).ok(), kernel.name);
          std::shared_ptr<Weights> weights;
          const Status status = load(file.spec(), kernels, choices, 2, &weights);
          CHECK(status.ok(), status.message);
          check_same(plan.tensors, weights->plan, kernel.name);
          uint64_t sum = 0;
          for (size_t i = 0; i < plan.tensors.size(); ++i) {
            CHECK_EQ(plan.tensors[i].bytes, held_bytes(*weights, file.spec().tensors[i]),
                     kernel.name + ", " + file.spec().tensors[i].role);
            sum += plan.tensors[i].bytes;
          }
          CHECK_EQ(weights->bytes, sum, "all");
        }
    }
}

TEST("a plan that is edited after a load is carried out in place, as if it had been the first") {
  ModelFile file(true);
  const std::vector<const TernaryKernel*> usable = usable_ternary_kernels(detect_cpu_features());
  for (const KernelInfo& kernel : list_kernels(detect_cpu_features())) {
    if (!kernel.usable)
      continue;
    const KernelSet kernels = kernels_of(kernel.name);
    std::shared_ptr<Weights> weights;
    CHECK(load(file.spec(), kernels, {}, 2, &weights).ok(), kernel.name);
    for (const TernaryKernel* tiles : usable)
      for (const std::vector<int32_t>& layers :
           {std::vector<int32_t>{0, 0}, {1, 0}, {1, 1}, {0, 1}}) {
        LoadChoices choices;
        choices.skip_layers = layers;
        choices.by_shape = {{128, 192, tiles}, {192, 128, tiles}};
        LoadPlan plan;
        CHECK(plan_load(file.spec(), kernels, choices, &plan).ok(), "plan");
        Flags flags;
        ThreadPool pool(2);
        const Status status =
            replan_weights(*weights, plan, pool, {flags.signal(), &flags.progress});
        CHECK(status.ok(), status.message);
        std::shared_ptr<Weights> fresh;
        CHECK(load(file.spec(), kernels, choices, 2, &fresh).ok(), "fresh");
        check_same(weights->plan, fresh->plan, kernel.name + ", " + name_of(*tiles));
        CHECK_EQ(weights->bytes, fresh->bytes, "bytes");
        for (const TensorSpec& tensor : file.spec().tensors) {
          const Slot now = slot_of(*find_role(tensor.role), tensor.layer, *weights);
          const Slot then = slot_of(*find_role(tensor.role), tensor.layer, *fresh);
          if (const auto* linear = std::get_if<Linear*>(&now)) {
            const Linear &a = **linear, &b = *std::get<Linear*>(then);
            CHECK(a.kind() == b.kind() && a.scale == b.scale && a.row_scale == b.row_scale &&
                      a.data.size() == b.data.size() &&
                      std::equal(a.data.data(), a.data.data() + a.data.size(), b.data.data()),
                  tensor.role + ", " + kernel.name + ", " + name_of(*tiles));
          }
        }
      }
  }
}

TEST("experts are packed anew one by one where a plan is edited") {
  ModelFile file(true, 24, ModelFile::Extras::kExperts);
  const KernelSet kernels = kernels_of("base3-scalar");
  LoadChoices choices;
  choices.by_shape = {{128, 192, find_ternary_kernel(0, "mad2-scalar")},
                      {192, 128, find_ternary_kernel(0, "lut-scalar")}};
  LoadPlan plan;
  CHECK(plan_load(file.spec(), kernels, choices, &plan).ok(), "plan");
  std::shared_ptr<Weights> weights, fresh;
  CHECK(load(file.spec(), kernels, {}, 2, &weights).ok(), "load");
  CHECK(load(file.spec(), kernels, choices, 2, &fresh).ok(), "fresh");
  Flags flags;
  ThreadPool pool(2);
  CHECK(replan_weights(*weights, plan, pool, {flags.signal(), &flags.progress}).ok(), "replan");
  check_same(weights->plan, fresh->plan, "plans");
  for (size_t layer = 0; layer < 2; ++layer)
    for (const auto experts : {&LayerWeights::expert_gates, &LayerWeights::expert_downs})
      for (size_t e = 0; e < file.spec().n_expert; ++e) {
        const Linear &a = (weights->layers[layer].*experts)[e],
                     &b = (fresh->layers[layer].*experts)[e];
        CHECK(a.data.size() == b.data.size() &&
                  std::equal(a.data.data(), a.data.data() + a.data.size(), b.data.data()),
              "expert " + std::to_string(e));
      }
}

TEST("an edit of a plan can be aborted") {
  ModelFile file(true);
  const KernelSet kernels = kernels_of("base3-scalar");
  std::shared_ptr<Weights> weights;
  CHECK(load(file.spec(), kernels, {}, 1, &weights).ok(), "load");
  LoadChoices choices;
  choices.skip_layers = {0, 0};
  LoadPlan plan;
  CHECK(plan_load(file.spec(), kernels, choices, &plan).ok(), "plan");
  Flags flags;
  flags.abort = 1;
  ThreadPool pool(1);
  const Status status = replan_weights(*weights, plan, pool, {flags.signal(), &flags.progress});
  CHECK(status.code == Code::kAborted, status.message);
}

TEST("a tensor that the graph cannot use is not planned") {
  ModelFile file(true);
  const auto planned = [](const ModelSpec& spec) {
    LoadPlan plan;
    return plan_load(spec, kernels_of(""), {}, &plan).code;
  };
  CHECK(planned(file.spec()) == Code::kOk, "sound");
  ModelSpec spec = file.spec();
  spec.tensors[5].role = "attn_x";
  CHECK(planned(spec) == Code::kModel, "role");
  for (int32_t layer : {-1, 2}) {
    spec = file.spec();
    spec.tensors[5].layer = layer;
    CHECK(planned(spec) == Code::kModel, "layer");
  }
  spec = file.spec();
  spec.tensors[5].cols += 1;
  CHECK(planned(spec) == Code::kModel, "shape");
  spec = file.spec();
  spec.tensors[6].type = "Q2_K";
  CHECK(planned(spec) == Code::kType, "type");
}

TEST("recurrent layers and rotations that the graph cannot compute are not planned") {
  const auto planned = [](const ModelSpec& spec) {
    LoadPlan plan;
    return plan_load(spec, kernels_of(""), {}, &plan);
  };
  ModelFile recurrent(true, 24, ModelFile::Extras::kRecurrent);
  CHECK(planned(recurrent.spec()).ok(), "sound");
  for (void (*change)(RecurrentSpec&) :
       {+[](RecurrentSpec& r) { r.layers = {1}; }, +[](RecurrentSpec& r) { r.taps = 17; },
        +[](RecurrentSpec& r) { r.taps = 0; }, +[](RecurrentSpec& r) { r.n_key_head = 0; },
        +[](RecurrentSpec& r) { r.n_key_head = 3; }}) {
    ModelSpec spec = recurrent.spec();
    change(spec.recurrent);
    const Status status = planned(spec);
    CHECK(status.code == Code::kModel && status.message.find("Recurrent layers") == 0,
          status.message);
  }
  ModelFile experts(true, 24, ModelFile::Extras::kExperts);
  ModelSpec spec = experts.spec();
  spec.rotation_block = 64;
  CHECK(planned(spec).ok(), "64 columns");
  spec.dim = 192;
  for (TensorSpec& tensor : spec.tensors)
    for (uint64_t* size : {&tensor.rows, &tensor.cols})
      *size = *size == 128 ? 192 : *size;
  spec.rotation_block = 48;
  const Status status = planned(spec);
  CHECK(status.code == Code::kModel && status.message.find("by 48 columns") != std::string::npos,
        status.message);
}

TEST("weights that padding makes many times larger are not planned") {
  ModelFile file(true, 24, ModelFile::Extras::kExperts);
  ModelSpec spec = file.spec();
  spec.n_expert = 1 << 20;
  spec.ffn_dim = 1;
  for (TensorSpec& tensor : spec.tensors) {
    if (tensor.experts == 0 && tensor.role != "ffn_gate_inp" && tensor.cols != 192)
      continue;
    tensor.rows = tensor.rows == 192 ? 1 : tensor.rows == 5 ? spec.n_expert : tensor.rows;
    tensor.cols = tensor.cols == 192 ? 1 : tensor.cols;
    tensor.experts = tensor.experts == 0 ? 0 : spec.n_expert;
    tensor.bytes = tensor.rows * tensor.cols * std::max(1u, tensor.experts) / 4 + 32;
  }
  LoadPlan plan;
  const Status status = plan_load(spec, kernels_of(""), {}, &plan);
  CHECK(status.code == Code::kModel &&
            status.message.find("large enough to be padded") != std::string::npos,
        status.message);
}
