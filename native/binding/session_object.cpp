// Evaluations as jobs of the engine.
#include "session_object.h"

#include <algorithm>

#include "adapter_object.h"
#include "arguments.h"

namespace bitnet {
namespace {

// What an evaluation is computed with, as the engine takes it, and whoever keeps it in memory.
struct Applied {
  std::vector<AppliedAdapter> list;
  std::vector<std::shared_ptr<LoadedAdapter>> owners;

  /** What keys and values depend on. */
  std::string key() const {
    std::string bytes;
    for (const auto& [adapter, scale] : list) {
      bytes.append(reinterpret_cast<const char*>(&adapter->id), sizeof adapter->id);
      bytes.append(reinterpret_cast<const char*>(&scale), sizeof scale);
    }
    return bytes;
  }
};

// False where one of them is closed.
bool read_adapters(const Napi::Object& object, Applied* out) {
  const std::vector<double> scales = copy_of<double>(object, "scales");
  bool open = true;
  read_array(object, "adapters", [&](const Napi::Object& element) {
    std::shared_ptr<LoadedAdapter> loaded = AdapterObject::Unwrap(element)->loaded;
    const size_t i = out->list.size();
    open = open && loaded && i < scales.size();
    if (!open)
      return;
    out->list.push_back({loaded->adapter.get(), scales[i]});
    out->owners.push_back(std::move(loaded));
  });
  return open;
}

EvaluateRequest request_of(const Napi::Object& object) {
  EvaluateRequest request;
  request.tokens = elements_of<int32_t>(object, "tokens");
  request.n = length_of(object, "tokens");
  request.again = static_cast<size_t>(number_of(object, "again"));
  request.outputs =
      static_cast<EvaluateRequest::Outputs>(static_cast<uint32_t>(number_of(object, "outputs")));
  request.rows = std::max<size_t>(1, static_cast<size_t>(number_of(object, "rows")));
  request.logits = elements_of<float>(object, "logits");
  request.top = length_of(object, "topIds") / request.rows;
  request.top_ids = elements_of<int32_t>(object, "topIds");
  request.top_logits = elements_of<float>(object, "topLogits");
  request.extra_ids = elements_of<int32_t>(object, "extraIds");
  request.extra_count = length_of(object, "extraIds") / request.rows;
  request.extra_logits = elements_of<float>(object, "extraLogits");
  request.log_sum_exp = elements_of<double>(object, "logSumExp");
  request.allowed = elements_of<uint32_t>(object, "allowed");
  request.ffn_counts = elements_of<double>(object, "ffnCounts");
  request.progress = elements_of<std::atomic<int32_t>>(object, "progress");
  request.scores = elements_of<double>(object, "scores");
  request.states = elements_of<float>(object, "states");
  request.layers = elements_of<float>(object, "layers");
  request.cached = elements_of<int32_t>(object, "cached");
  return request;
}

// Lives on the engine's thread; everything that belongs to JavaScript is in the deferred.
class EvaluationJob : public Job {
public:
  EvaluationJob(AddonState& state, std::unique_ptr<Deferred> deferred, SessionData& session,
                const EvaluateRequest& request, const Abort& abort)
      : Job(Evaluation(session.loaded->model, session.cache, request, abort),
            session.generating ? &session.generation : nullptr),
        state_(state), deferred_(std::move(deferred)) {}

  void finished() override {
    deferred_->status = evaluation.take_status();
    state_.settle(std::move(deferred_));
  }

private:
  AddonState& state_;
  std::unique_ptr<Deferred> deferred_;
};

} // namespace

Napi::Function SessionObject::define(Napi::Env env) {
  return DefineClass(
      env, "NativeSession",
      {InstanceMethod<&SessionObject::checked<&SessionObject::js_evaluate>>("evaluate"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_cancel>>("cancel"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_announce>>("announce"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_admit>>("admit"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_served>>("served"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_end_generation>>("endGeneration"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_position>>("position"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_truncate>>("truncate"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_bytes_per_position>>(
           "bytesPerPosition"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_state_positions>>(
           "statePositions"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_state_bytes>>("stateBytes"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_save>>("save"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_load>>("load"),
       InstanceMethod<&SessionObject::checked<&SessionObject::js_close>>("close")});
}

SessionObject::SessionObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SessionObject>(info) {
  with_memory(info.Env(), [this, &info] {
    create(info);
    return info.Env().Undefined();
  });
}

void SessionObject::create(const Napi::CallbackInfo& info) {
  auto data = std::make_shared<SessionData>(AddonState::of(info.Env()).memory());
  data->loaded = ModelObject::Unwrap(info[0].As<Napi::Object>())->loaded;
  const size_t context = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  const auto type = static_cast<KvType>(info[2].As<Napi::Number>().Uint32Value());
  Status status = Status::error(Code::kClosed, "The model is closed.");
  if (data->loaded) {
    const Model& model = data->loaded->model;
    const ModelSpec& spec = model.weights->spec;
    if (info.Length() < 4 || !info[3].IsObject())
      status = data->cache.allocate(spec, context, type, model.kv);
    else if (const auto other = SessionObject::Unwrap(info[3].As<Napi::Object>())->data_)
      status = data->cache.fork(spec, other->cache);
    else
      status = Status::error(Code::kClosed, "The session is closed.");
  }
  if (!status.ok()) {
    to_error(info.Env(), status).ThrowAsJavaScriptException();
    return;
  }
  data_ = std::move(data);
}

// evaluate({ tokens, outputs, control, … }) → Promise<void>; outputs are written into the request's
// typed arrays.
Napi::Value SessionObject::js_evaluate(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Napi::Object object = info[0].As<Napi::Object>();
  AddonState& state = AddonState::of(env);
  EvaluateRequest request = request_of(object);
  auto applied = std::make_shared<Applied>();
  if (!read_adapters(object, applied.get())) {
    to_error(env, Status::error(Code::kClosed, "The adapter is closed."))
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  request.adapters = applied->list.data();
  request.adapter_count = applied->list.size();
  request.prefix_key = applied->key();
  auto deferred = std::make_unique<Deferred>(env);
  Napi::Promise promise = deferred->promise.Promise();
  deferred->keep.push_back(Napi::Persistent(object));
  // Holds the KV cache and the engine until the promise settles, even if the session is closed
  // meanwhile, and lets go of them on this thread: the engine must not end on its own.
  deferred->ended = [data = data_, applied] { data->report(); };
  const Abort abort{elements_of<std::atomic<int32_t>>(object, "control"), state.closing()};
  if (!abort.requested) // read last: the worker is being terminated
    return env.Undefined();
  SessionData& session = *data_;
  auto job = std::make_unique<EvaluationJob>(state, std::move(deferred), session, request, abort);
  state.begin(env);
  try {
    session.loaded->queue.submit(std::move(job));
  } catch (const std::bad_alloc&) {
    state.cancel(env);
    throw;
  }
  return promise;
}

// cancel(): an evaluation whose control was raised ends now, unless a step computes it.
Napi::Value SessionObject::js_cancel(const Napi::CallbackInfo& info) {
  if (data_)
    data_->loaded->queue.cancel(data_->cache);
  return info.Env().Undefined();
}

// announce(caller, priority): a generation waits to be admitted.
Napi::Value SessionObject::js_announce(const Napi::CallbackInfo& info) {
  if (data_ && !data_->generating) {
    data_->loaded->queue.announce(data_->generation, info[0].As<Napi::String>().Utf8Value(),
                                  info[1].As<Napi::Number>().Int32Value());
    data_->generating = true;
  }
  return info.Env().Undefined();
}

// admit(positions, alone) → whether there is memory for so many in all: then the generation may begin.
// Throws where waiting would not help.
Napi::Value SessionObject::js_admit(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!data_ || !data_->generating)
    return Napi::Boolean::New(env, false);
  KvCache& kv = data_->cache.kv;
  const size_t positions = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  const Status status = kv.reserve(positions);
  if (status.ok()) {
    data_->loaded->queue.admit(data_->generation);
  } else if (info[1].As<Napi::Boolean>().Value() || !kv.fits(positions)) {
    to_error(env, status).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return Napi::Boolean::New(env, status.ok());
}

// served() → tokens computed for the generation's caller, beside those of other callers
Napi::Value SessionObject::js_served(const Napi::CallbackInfo& info) {
  const uint64_t served =
      data_ && data_->generating ? data_->loaded->queue.served(data_->generation) : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(served));
}

Napi::Value SessionObject::js_end_generation(const Napi::CallbackInfo& info) {
  if (data_)
    data_->end_generation();
  return info.Env().Undefined();
}

Napi::Value SessionObject::js_position(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), data_ ? static_cast<double>(data_->cache.position) : 0.0);
}

// truncate(length) → the position of what is left
Napi::Value SessionObject::js_truncate(const Napi::CallbackInfo& info) {
  const size_t length = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  const size_t left = data_ ? data_->cache.truncate(length) : 0;
  if (data_)
    data_->report();
  return Napi::Number::New(info.Env(), static_cast<double>(left));
}

Napi::Value SessionObject::js_close(const Napi::CallbackInfo& info) {
  if (data_)
    data_->end_generation(); // its memory may be in use for a moment
  data_.reset();
  return info.Env().Undefined();
}

} // namespace bitnet
