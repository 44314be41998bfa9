// Loading on a thread of its own, so that models that are generating are not held up.
#include "model_object.h"

#include <cmath>

#include "arguments.h"
#include "common/cpu_count.h"
#include "cpu_info.h"
#include "kernels/cpu_features.h"

namespace bitnet {
Napi::Function ModelObject::define(Napi::Env env) {
  Napi::Function constructor =
      DefineClass(env, "NativeModel",
                  {InstanceMethod<&ModelObject::checked<&ModelObject::js_info>>("info"),
                   InstanceMethod<&ModelObject::checked<&ModelObject::js_close>>("close")});
  AddonState::of(env).model_constructor = Napi::Persistent(constructor);
  return constructor;
}

ModelObject::ModelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelObject>(info) {
  if (info.Length() == 1 && info[0].IsExternal())
    loaded = *info[0].As<Napi::External<std::shared_ptr<LoadedModel>>>().Data();
}

Napi::Value ModelObject::load(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Napi::Object options = info[1].As<Napi::Object>();
  KernelSet kernels;
  Status status = select_kernels(detect_cpu_features(), string_of(options, "kernel"), &kernels);
  if (!status.ok()) {
    to_error(env, status).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  read_array(options, "byShape", [&kernels](const Napi::Object& choice) {
    const TernaryKernel* kernel =
        find_ternary_kernel(detect_cpu_features(), string_of(choice, "kernel"));
    if (kernel)
      kernels.by_shape.push_back({static_cast<uint64_t>(number_of(choice, "rows")),
                                  static_cast<uint64_t>(number_of(choice, "cols")), kernel});
  });
  kernels.zero_layers = copy_of<int32_t>(options, "zeroLayers");
  const double screen_from = number_of(options, "screenFrom");
  if (screen_from > 0)
    kernels.screen_from =
        std::isfinite(screen_from) ? static_cast<uint64_t>(screen_from) : UINT64_MAX;
  const double asked = number_of(options, "threads");
  ModelSpec spec = model_spec_of(info[0].As<Napi::Object>());
  const size_t threads = asked >= 1 ? static_cast<size_t>(asked) : usable_cpu_count();
  auto* control = elements_of<std::atomic<int32_t>>(options, "control"); // [abort, progress]
  if (!control) // read last: the worker is being terminated
    return env.Undefined();

  AddonState& state = AddonState::of(env);
  const LoadControl load_control{{&control[0], state.closing()}, &control[1]};
  auto work = [kernels, threads, load_control,
               spec = std::move(spec)](Settlement& settlement) mutable {
    std::shared_ptr<const Weights> weights;
    {
      ThreadPool pool(threads); // of its own: the engine's threads may be busy generating
      settlement.status = load_weights(std::move(spec), kernels, pool, load_control, &weights);
    }
    std::shared_ptr<Engine> engine;
    if (settlement.status.ok() && !(engine = shared_engine(threads)))
      settlement.status = Status::error(
          Code::kMemory, "Could not start a thread for the model: the system's limit is reached; "
                         "end other programs or raise the limit.");
    settlement.result = [weights = std::move(weights),
                         engine = std::move(engine)](Napi::Env env) -> Napi::Value {
      AddonState& state = AddonState::of(env);
      auto loaded = std::make_shared<LoadedModel>(weights, engine, state.memory());
      return state.model_constructor.New(
          {Napi::External<std::shared_ptr<LoadedModel>>::New(env, &loaded)});
    };
  };
  return state.run(env, options, std::move(work));
}

Napi::Value ModelObject::js_info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!loaded)
    return env.Undefined();
  const Weights& weights = *loaded->model.weights;
  Napi::Object memory = Napi::Object::New(env);
  memory.Set("ternary", static_cast<double>(weights.bytes.ternary));
  memory.Set("dense", static_cast<double>(weights.bytes.dense));
  memory.Set("head", static_cast<double>(weights.bytes.head));
  memory.Set("norms", static_cast<double>(weights.bytes.norms));
  Napi::Object result = Napi::Object::New(env);
  result.Set("threads", static_cast<double>(loaded->engine->threads()));
  result.Set("memory", memory);
  result.Set("kernel", kernel_names(env, weights.kernels));
  const HeadCounts& counts = loaded->model.workspace.head_counts;
  Napi::Object head = Napi::Object::New(env);
  head.Set("screened", static_cast<double>(counts.screened.load()));
  head.Set("candidates", static_cast<double>(counts.candidates.load()));
  head.Set("full", static_cast<double>(counts.full.load()));
  result.Set("head", head);
  Napi::Array skips_zeros = Napi::Array::New(env);
  for (const LayerWeights& layer : weights.layers)
    skips_zeros.Set(skips_zeros.Length(), layer.up.kind() == Linear::Kind::kRowUnits);
  result.Set("skipsZeros", skips_zeros);
  return result;
}

Napi::Value ModelObject::js_close(const Napi::CallbackInfo& info) {
  loaded.reset();
  return info.Env().Undefined();
}

} // namespace bitnet
