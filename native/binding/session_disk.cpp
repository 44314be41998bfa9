// Sessions to and from a file, on a thread of their own: neither JavaScript nor the engine waits.
#include "addon_state.h"
#include "arguments.h"
#include "engine/session_file.h"
#include "session_object.h"

namespace bitnet {
namespace {

/** Seeds are 64 bits: two numbers of 32. */
uint64_t seed_of(const Napi::Object& object) {
  const auto half = [&object](const char* key) {
    return static_cast<uint64_t>(static_cast<uint32_t>(number_of(object, key)));
  };
  return half("seedLow") | half("seedHigh") << 32;
}

Napi::Value closed(Napi::Env env) {
  to_error(env, Status::error(Code::kClosed, "The session is closed."))
      .ThrowAsJavaScriptException();
  return env.Undefined();
}

/** Runs `work`, which gives a Status, on a thread; `request` stays alive meanwhile. */
template <class Work>
Napi::Value on_a_thread(Napi::Env env, const Napi::Object& request, Work&& work,
                        std::function<Napi::Value(Napi::Env)> result) {
  AddonState& state = AddonState::of(env);
  auto* requested = elements_of<std::atomic<int32_t>>(request, "control");
  if (!requested) // read last: the worker is being terminated
    return env.Undefined();
  const Abort abort{requested, state.closing()};
  return state.run(
      env, request, [abort, work](Deferred& deferred) { deferred.status = work(abort); },
      std::move(result));
}

} // namespace

Napi::Value SessionObject::js_bytes_per_position(const Napi::CallbackInfo& info) {
  const size_t bytes = data_ ? data_->cache.kv.position_bytes() : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

// statePositions() → [number]: the positions of the states that save writes, in order
Napi::Value SessionObject::js_state_positions(const Napi::CallbackInfo& info) {
  Napi::Array positions = Napi::Array::New(info.Env());
  if (data_)
    for (const std::shared_ptr<StateBuffer>& state : data_->cache.states.held())
      positions.Set(positions.Length(), static_cast<double>(state->position));
  return positions;
}

// stateBytes() → those of one state
Napi::Value SessionObject::js_state_bytes(const Napi::CallbackInfo& info) {
  const uint64_t bytes = data_ ? data_->cache.states.bytes_of_one() : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

// save({ path, header, tokens, seedLow, seedHigh, control }) → Promise<void>
Napi::Value SessionObject::js_save(const Napi::CallbackInfo& info) {
  if (!data_) // while TypeScript was preparing this
    return closed(info.Env());
  const Napi::Object request = info[0].As<Napi::Object>();
  const std::string path = string_of(request, "path");
  const uint8_t* header = elements_of<uint8_t>(request, "header");
  const size_t header_bytes = length_of(request, "header");
  const int32_t* tokens = elements_of<int32_t>(request, "tokens");
  const uint64_t seed = seed_of(request);
  SessionData* session = data_.get(); // kept by the deferred, whose thread this is not
  return on_a_thread(
      info.Env(), request,
      [=](const Abort& abort) {
        return write_session(path, header, header_bytes, tokens, seed, session->cache, abort);
      },
      [data = data_](Napi::Env env) { return env.Undefined(); });
}

// load({ path, offset, tokens, statePositions, seedLow, seedHigh, control }) → Promise<void>. The session changes
// only when everything is read and intact.
Napi::Value SessionObject::js_load(const Napi::CallbackInfo& info) {
  if (!data_)
    return closed(info.Env());
  const Napi::Object request = info[0].As<Napi::Object>();
  const std::string path = string_of(request, "path");
  const uint64_t offset = static_cast<uint64_t>(number_of(request, "offset"));
  int32_t* tokens = elements_of<int32_t>(request, "tokens");
  const size_t n = length_of(request, "tokens");
  const uint64_t seed = seed_of(request);
  const std::vector<double> positions = copy_of<double>(request, "statePositions");
  SessionData* session = data_.get();
  return on_a_thread(
      info.Env(), request,
      [=](const Abort& abort) {
        SequenceCache read;
        SequenceCache& cache = session->cache;
        const ModelSpec& spec = session->loaded->model.weights->spec;
        Status status = read.allocate(spec, cache.kv.context(), cache.kv.type(), cache.kv.pool());
        if (status.ok())
          status = read_session(path, offset, seed, {positions.begin(), positions.end()}, n, tokens,
                                read, abort);
        for (size_t i = 0; status.ok() && i < n; ++i)
          if (tokens[i] < 0 || static_cast<uint32_t>(tokens[i]) >= spec.vocab_size)
            status =
                Status::error(Code::kSession, "Expected the tokens of the session file \"" + path +
                                                  "\" to be the model's, but found " +
                                                  std::to_string(tokens[i]) + "; save a new one.");
        if (status.ok())
          cache.take(read);
        return status;
      },
      [data = data_](Napi::Env env) {
        data->report();
        return env.Undefined();
      });
}

Napi::Value checksum_file(const Napi::CallbackInfo& info) {
  const Napi::Object request = info[0].As<Napi::Object>();
  const std::string path = string_of(request, "path");
  const double* offsets = elements_of<double>(request, "offsets");
  const double* lengths = elements_of<double>(request, "lengths");
  const size_t count = length_of(request, "offsets");
  auto sum = std::make_shared<uint64_t>(0);
  return on_a_thread(
      info.Env(), request,
      [=](const Abort& abort) {
        return checksum_of_ranges(path, offsets, lengths, count, abort, sum.get());
      },
      [sum](Napi::Env env) -> Napi::Value { return Napi::BigInt::New(env, *sum); });
}

} // namespace bitnet
