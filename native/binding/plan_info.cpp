// Choices from JavaScript, rows of the plan to JavaScript.
#include "plan_info.h"

#include <cmath>

#include "addon_state.h"
#include "arguments.h"
#include "kernels/cpu_features.h"

namespace bitnet {
namespace {

LoadChoices choices_of(const Napi::Object& options) {
  LoadChoices choices;
  read_array(options, "byShape", [&choices](const Napi::Object& choice) {
    const TernaryKernel* kernel =
        find_ternary_kernel(detect_cpu_features(), string_of(choice, "kernel"));
    if (kernel)
      choices.by_shape.push_back({static_cast<uint64_t>(number_of(choice, "rows")),
                                  static_cast<uint64_t>(number_of(choice, "cols")), kernel});
  });
  choices.skip_layers = copy_of<int32_t>(options, "skipLayers");
  const double prefilter_from = number_of(options, "prefilterFrom");
  if (prefilter_from > 0)
    choices.prefilter_from =
        std::isfinite(prefilter_from) ? static_cast<uint64_t>(prefilter_from) : UINT64_MAX;
  return choices;
}

} // namespace

Napi::Value plan_info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const ModelSpec spec = model_spec_of(info[0].As<Napi::Object>());
  LoadPlan plan;
  const Status status = planned_load(spec, info[1].As<Napi::Object>(), &plan);
  if (!status.ok()) {
    to_error(env, status).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return plan_rows(env, plan.tensors, plan.kernels);
}

Status planned_load(const ModelSpec& spec, const Napi::Object& options, LoadPlan* plan) {
  KernelSet kernels;
  Status status = select_kernels(detect_cpu_features(), string_of(options, "kernel"), &kernels);
  return status.ok() ? plan_load(spec, kernels, choices_of(options), plan) : status;
}

Napi::Array plan_rows(Napi::Env env, const std::vector<PlannedTensor>& tensors,
                      const KernelSet& kernels) {
  Napi::Array rows = Napi::Array::New(env, tensors.size());
  for (const PlannedTensor& planned : tensors) {
    Napi::HandleScope scope(env);
    Napi::Object row = Napi::Object::New(env);
    row.Set("layout", name_of(planned.layout));
    row.Set("kernel", kernel_of(planned, kernels));
    row.Set("bytes", static_cast<double>(planned.bytes));
    rows.Set(static_cast<uint32_t>(&planned - tensors.data()), row);
  }
  return rows;
}

} // namespace bitnet
