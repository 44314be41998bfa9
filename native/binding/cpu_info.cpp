// CPU features and kernels as JavaScript values.
#include "cpu_info.h"

#include "addon_state.h"
#include "common/cpu_count.h"
#include "kernels/cpu_features.h"

namespace bitnet {
namespace {

// The kernels for the name in the first argument; false with a pending exception when there are
// none.
bool choose(const Napi::CallbackInfo& info, KernelSet* kernels) {
  const std::string forced = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  const Status status = select_kernels(detect_cpu_features(), forced, kernels);
  if (!status.ok())
    to_error(info.Env(), status).ThrowAsJavaScriptException();
  return status.ok();
}

} // namespace

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const uint32_t features = detect_cpu_features();
  Napi::Array isa = Napi::Array::New(env);
  for (const CpuFeatureName& name : kCpuFeatureNames)
    if (features & name.bit)
      isa.Set(isa.Length(), name.name);
  Napi::Array kernels = Napi::Array::New(env);
  for (const KernelInfo& kernel : list_kernels(features)) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", kernel.name);
    entry.Set("isa", kernel.isa);
    entry.Set("usable", kernel.usable);
    kernels.Set(kernels.Length(), entry);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("isa", isa);
  result.Set("threads", static_cast<double>(usable_cpu_count()));
  result.Set("kernels", kernels);
  return result;
}

Napi::Value selected_kernels(const Napi::CallbackInfo& info) {
  KernelSet kernels;
  return choose(info, &kernels) ? kernel_names(info.Env(), kernels) : info.Env().Undefined();
}

Napi::Value break_even_sparsity(const Napi::CallbackInfo& info) {
  KernelSet kernels;
  if (!choose(info, &kernels) || !kernels.neurons)
    return info.Env().Undefined();
  return Napi::Number::New(info.Env(), kernels.neurons->break_even);
}

Napi::Object kernel_names(Napi::Env env, const KernelSet& kernels) {
  Napi::Object names = Napi::Object::New(env);
  names.Set("ternary", name_of(*kernels.ternary));
  names.Set("dense", kernels.dense->isa);
  names.Set("vector", kernels.vector->isa);
  return names;
}

} // namespace bitnet
