// Loading on a thread of its own, so that models that are generating are not held up.
#include "model_object.h"

#include "arguments.h"
#include "common/cpu_count.h"
#include "cpu_info.h"
#include "plan_info.h"

namespace bitnet {
namespace {

// Makes the JavaScript object of a load that has ended.
std::function<Napi::Value(Napi::Env)> made_of(std::shared_ptr<Weights> weights,
                                              std::shared_ptr<Engine> engine,
                                              const QueueOptions& options,
                                              std::shared_ptr<WeightsClaim> claim,
                                              PreparedOutcome prepared) {
  return [weights = std::move(weights), engine = std::move(engine), options,
          claim = std::move(claim), prepared = std::move(prepared)](Napi::Env env) -> Napi::Value {
    AddonState& state = AddonState::of(env);
    auto loaded =
        std::make_shared<LoadedModel>(weights, engine, options, claim, prepared, state.memory());
    return state.model_constructor.New(
        {Napi::External<std::shared_ptr<LoadedModel>>::New(env, &loaded)});
  };
}

Napi::Object kv_stats(Napi::Env env, const KvPool& pool) {
  const KvPool::Stats stats = pool.stats();
  Napi::Object result = Napi::Object::New(env);
  result.Set("budget", static_cast<double>(stats.budget));
  result.Set("used", static_cast<double>(stats.used));
  result.Set("reserved", static_cast<double>(stats.reserved));
  result.Set("cached", static_cast<double>(stats.cached));
  result.Set("prefixLookups", static_cast<double>(stats.lookups));
  result.Set("prefixHits", static_cast<double>(stats.hits));
  result.Set("cachedTokens", static_cast<double>(stats.tokens));
  return result;
}

// What another model has shared under the key of `claim`, for a step of so many threads; null where
// it is to be read, and `claim` is held.
Status find_shared(WeightsClaim& claim, size_t threads, const Abort& abort,
                   std::shared_ptr<Weights>* found) {
  Status status = claim.wait(abort, found);
  WorkspacePlan workspace;
  if (status.ok() && *found)
    status = plan_workspace((*found)->spec, threads, &workspace);
  return status;
}

} // namespace

Napi::Function ModelObject::define(Napi::Env env) {
  Napi::Function constructor =
      DefineClass(env, "NativeModel",
                  {InstanceMethod<&ModelObject::checked<&ModelObject::js_info>>("info"),
                   InstanceMethod<&ModelObject::checked<&ModelObject::js_limit_kv>>("limitKv"),
                   InstanceMethod<&ModelObject::checked<&ModelObject::js_stats>>("stats"),
                   InstanceMethod<&ModelObject::checked<&ModelObject::js_replan>>("replan"),
                   InstanceMethod<&ModelObject::checked<&ModelObject::js_share>>("share"),
                   InstanceMethod<&ModelObject::checked<&ModelObject::js_prepare>>("prepare"),
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
  const double asked = number_of(options, "threads");
  const QueueOptions queue{.target = number_of(options, "stepTarget") / 1000,
                           .share = number_of(options, "share")};
  ModelSpec spec = model_spec_of(info[0].As<Napi::Object>());
  LoadPlan plan;
  const Status status = planned_load(spec, options, &plan);
  if (!status.ok()) {
    to_error(env, status).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const size_t threads = asked >= 1 ? static_cast<size_t>(asked) : usable_cpu_count();
  std::string key = string_of(options, "key");
  PreparedFile prepared = {string_of(options, "preparedPath"), string_of(options, "preparedKey"),
                           static_cast<uint64_t>(number_of(options, "preparedOffset"))};
  auto* control = elements_of<std::atomic<int32_t>>(options, "control"); // [abort, progress]
  if (!control) // read last: the worker is being terminated
    return env.Undefined();

  AddonState& state = AddonState::of(env);
  const LoadControl load_control{{&control[0], state.closing()}, &control[1]};
  auto work = [plan = std::move(plan), threads, queue, load_control, key = std::move(key),
               prepared = std::move(prepared), spec = std::move(spec)](Deferred& deferred) mutable {
    std::shared_ptr<Weights> weights;
    std::shared_ptr<WeightsClaim> claim;
    PreparedOutcome outcome;
    if (!key.empty()) {
      claim = std::make_shared<WeightsClaim>(std::move(key));
      deferred.status = find_shared(*claim, threads, load_control.abort, &weights);
    }
    if (weights) {
      claim.reset();
    } else if (deferred.status.ok()) {
      ThreadPool pool(threads); // of its own: the engine's threads may be busy generating
      deferred.status = load_weights(std::move(spec), std::move(plan), pool, load_control, &weights,
                                     prepared.path.empty() ? nullptr : &prepared, &outcome);
    }
    std::shared_ptr<Engine> engine;
    if (deferred.status.ok() && !(engine = shared_engine(threads)))
      deferred.status = Status::error(
          Code::kMemory, "Could not start a thread for the model: the system's limit is reached; "
                         "end other programs or raise the limit.");
    deferred.result =
        made_of(std::move(weights), std::move(engine), queue, std::move(claim), std::move(outcome));
  };
  return state.run(env, options, std::move(work));
}

Napi::Value ModelObject::js_replan(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!loaded)
    return env.Undefined();
  const Napi::Object options = info[0].As<Napi::Object>();
  LoadPlan plan;
  const Status status = planned_load(loaded->weights->spec, options, &plan);
  if (!status.ok()) {
    to_error(env, status).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto* control = elements_of<std::atomic<int32_t>>(options, "control"); // [abort, progress]
  if (!control) // read last: the worker is being terminated
    return env.Undefined();
  AddonState& state = AddonState::of(env);
  const LoadControl load_control{{&control[0], state.closing()}, &control[1]};
  auto work = [weights = loaded->weights, engine = loaded->engine,
               options = loaded->queue.options(), claim = loaded->claim, plan = std::move(plan),
               load_control](Deferred& deferred) {
    ThreadPool pool(engine->threads());
    deferred.status = replan_weights(*weights, plan, pool, load_control);
    deferred.result = made_of(weights, engine, options, claim, {});
  };
  loaded.reset();
  return state.run(env, options, std::move(work));
}

Napi::Value ModelObject::js_share(const Napi::CallbackInfo& info) {
  if (loaded && loaded->claim) {
    loaded->claim->share(loaded->weights);
    loaded->claim.reset();
  }
  return info.Env().Undefined();
}

Napi::Value ModelObject::js_prepare(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!loaded)
    return env.Undefined();
  const Napi::Object request = info[0].As<Napi::Object>();
  const std::string path = string_of(request, "path"), key = string_of(request, "key");
  const uint8_t* header = elements_of<uint8_t>(request, "header");
  const size_t header_bytes = length_of(request, "header");
  auto* control = elements_of<std::atomic<int32_t>>(request, "control"); // [abort]
  if (!control) // read last: the worker is being terminated
    return env.Undefined();
  AddonState& state = AddonState::of(env);
  const Abort abort{&control[0], state.closing()};
  return state.run(env, request, [=, weights = loaded->weights](Deferred& deferred) {
    deferred.status = write_prepared(path, key, header, header_bytes, *weights, abort);
  });
}

Napi::Value ModelObject::js_info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!loaded)
    return env.Undefined();
  const Weights& weights = *loaded->weights;
  Napi::Object result = Napi::Object::New(env);
  result.Set("threads", static_cast<double>(loaded->engine->threads()));
  result.Set("claimed", loaded->claim != nullptr);
  result.Set("prepared", loaded->prepared.used);
  result.Set("preparedFault", loaded->prepared.fault);
  result.Set("kernel", kernel_names(env, weights.kernels));
  const HeadCounts& counts = loaded->model.workspace.head_counts;
  Napi::Object head = Napi::Object::New(env);
  head.Set("prefiltered", static_cast<double>(counts.prefiltered.load()));
  head.Set("candidates", static_cast<double>(counts.candidates.load()));
  head.Set("full", static_cast<double>(counts.full.load()));
  result.Set("head", head);
  result.Set("plan", plan_rows(env, weights.plan, weights.kernels));
  result.Set("kv", kv_stats(env, *loaded->model.kv));
  return result;
}

// limitKv(bytes, keepsPrefixes): of keys and values of all sessions
Napi::Value ModelObject::js_limit_kv(const Napi::CallbackInfo& info) {
  const double bytes = info[0].As<Napi::Number>().DoubleValue();
  const bool keeps_prefixes = info[1].As<Napi::Boolean>().Value();
  if (loaded)
    loaded->model.kv->limit(static_cast<uint64_t>(bytes), keeps_prefixes);
  return info.Env().Undefined();
}

// stats() → counts and times of what the model computed, in milliseconds
Napi::Value ModelObject::js_stats(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!loaded)
    return env.Undefined();
  const QueueStats stats = loaded->queue.stats();
  Napi::Object result = Napi::Object::New(env);
  result.Set("running", static_cast<double>(stats.running));
  result.Set("waiting", static_cast<double>(stats.waiting));
  result.Set("steps", static_cast<double>(stats.steps));
  result.Set("decodedTokens", static_cast<double>(stats.decoded));
  result.Set("promptTokens", static_cast<double>(stats.prompts));
  result.Set("milliseconds", stats.seconds * 1000);
  result.Set("target", stats.target * 1000);
  Napi::Float64Array last = Napi::Float64Array::New(env, stats.last_steps.size());
  for (size_t i = 0; i < stats.last_steps.size(); ++i)
    last[i] = stats.last_steps[i] * 1000;
  result.Set("lastSteps", last);
  return result;
}

Napi::Value ModelObject::js_close(const Napi::CallbackInfo& info) {
  loaded.reset();
  return info.Env().Undefined();
}

} // namespace bitnet
