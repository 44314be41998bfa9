// Adapters are loaded on a thread of their own, beside models that are generating.
#include "adapter_object.h"

#include "arguments.h"
#include "load/load_adapter.h"
#include "model_object.h"

namespace bitnet {
namespace {

// Numbers of a pair in the order that lib/native-types.ts gives them (NativePairs).
constexpr size_t kPairNumbers = 10;

PairSpec pair_of(const double* numbers) {
  const auto count = [numbers](size_t i) { return static_cast<size_t>(numbers[i]); };
  const size_t rank = count(6);
  return {.slot = numbers[0] < 0 ? PairSpec::kEmbedding : count(0),
          .factor = numbers[1],
          .a = {.offset = count(3),
                .type = static_cast<DenseType>(count(4)),
                .rows = numbers[0] < 0 ? count(5) : rank,
                .cols = numbers[0] < 0 ? rank : count(5)},
          .b = {.offset = count(7),
                .type = static_cast<DenseType>(count(8)),
                .rows = count(9),
                .cols = rank},
          .halves_apart = numbers[2] != 0};
}

AdapterSpec spec_of(const Napi::Object& request) {
  AdapterSpec spec;
  spec.id = static_cast<uint64_t>(number_of(request, "id"));
  spec.path = string_of(request, "path");
  const std::vector<int64_t> stamp = copy_of<int64_t>(request, "stamp");
  if (stamp.size() == 3)
    spec.stamp = FileStamp{stamp[0], stamp[1], stamp[2]};
  const std::vector<double> numbers = copy_of<double>(request, "pairs");
  for (size_t i = 0; i + kPairNumbers <= numbers.size(); i += kPairNumbers)
    spec.pairs.push_back(pair_of(numbers.data() + i));
  return spec;
}

std::shared_ptr<LoadedModel> model_of(const Napi::CallbackInfo& info) {
  std::shared_ptr<LoadedModel> model = ModelObject::Unwrap(info[0].As<Napi::Object>())->loaded;
  if (!model)
    to_error(info.Env(), Status::error(Code::kClosed, "The model is closed."))
        .ThrowAsJavaScriptException();
  return model;
}

} // namespace

Napi::Function AdapterObject::define(Napi::Env env) {
  Napi::Function constructor =
      DefineClass(env, "NativeAdapter", {InstanceMethod<&AdapterObject::js_close>("close")});
  AddonState::of(env).adapter_constructor = Napi::Persistent(constructor);
  return constructor;
}

AdapterObject::AdapterObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<AdapterObject>(info) {
  if (info.Length() == 1 && info[0].IsExternal())
    loaded = *info[0].As<Napi::External<std::shared_ptr<LoadedAdapter>>>().Data();
}

Napi::Value AdapterObject::js_close(const Napi::CallbackInfo& info) {
  loaded.reset();
  return info.Env().Undefined();
}

Napi::Value adapter_bytes(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<LoadedModel> model = model_of(info);
  if (!model)
    return env.Undefined();
  uint64_t bytes = 0;
  const Status status = plan_adapter(spec_of(info[1].As<Napi::Object>()), *model->weights, &bytes);
  if (!status.ok()) {
    to_error(env, status).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return Napi::Number::New(env, static_cast<double>(bytes));
}

Napi::Value load_adapter_of(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<LoadedModel> model = model_of(info);
  if (!model)
    return env.Undefined();
  const Napi::Object request = info[1].As<Napi::Object>();
  AdapterSpec spec = spec_of(request);
  auto* control = elements_of<std::atomic<int32_t>>(request, "control");
  if (!control) // read last: the worker is being terminated
    return env.Undefined();
  AddonState& state = AddonState::of(env);
  const Abort abort{control, state.closing()};
  auto work = [weights = model->weights, threads = model->engine->threads(), spec = std::move(spec),
               abort](Deferred& deferred) {
    ThreadPool pool(threads); // of its own: the engine's threads may be busy generating
    std::shared_ptr<const Adapter> adapter;
    deferred.status = load_adapter(spec, *weights, pool, abort, &adapter);
    deferred.result = [adapter = std::move(adapter)](Napi::Env env) -> Napi::Value {
      AddonState& state = AddonState::of(env);
      auto loaded = std::make_shared<LoadedAdapter>(adapter, state.memory());
      return state.adapter_constructor.New(
          {Napi::External<std::shared_ptr<LoadedAdapter>>::New(env, &loaded)});
    };
  };
  return state.run(env, request, std::move(work));
}

} // namespace bitnet
