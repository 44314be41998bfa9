// The plan of a load as JavaScript values.
#pragma once
#include <napi.h>

#include <vector>

#include "load/load_plan.h"

namespace bitnet {

/**
 * planLoad(spec, { kernel, byShape: [{ rows, cols, kernel }], skipLayers, prefilterFrom }) →
 * [{ layout, kernel, bytes }], in the order of the spec's tensors; throws as loadModel.
 */
Napi::Value plan_info(const Napi::CallbackInfo& info);

/** The plan for a model with the choices in `options`. */
Status planned_load(const ModelSpec& spec, const Napi::Object& options, LoadPlan* plan);

Napi::Array plan_rows(Napi::Env env, const std::vector<PlannedTensor>& tensors,
                      const KernelSet& kernels);

} // namespace bitnet
