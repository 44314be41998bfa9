// What the addon keeps per JavaScript environment: the way back to its thread, and what is still
// running.
#pragma once
#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/status.h"
#include "external_memory.h"

namespace bitnet {

/**
 * A promise and what must stay alive until it settles. Made and destroyed on the JavaScript thread;
 * native threads only write `status` and whatever memory `keep` protects.
 */
struct Deferred {
  explicit Deferred(Napi::Env env) : promise(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise::Deferred promise;
  std::vector<Napi::ObjectReference> keep;      // buffers that native code reads or writes
  Status status;                                // of the work
  std::function<Napi::Value(Napi::Env)> result; // the value to resolve with; undefined when empty
  std::function<void()> ended;    // called on the JavaScript thread before it settles; may be empty
  std::unique_ptr<Deferred> next; // of those that ended while the environment was ending
};

/** One per environment (main thread or worker), as instance data: no mutable globals. */
class AddonState {
public:
  explicit AddonState(Napi::Env env);
  ~AddonState();
  static AddonState& of(Napi::Env env) { return *env.GetInstanceData<AddonState>(); }

  /** JavaScript thread: work has started; keeps Node alive until it settles. */
  void begin(Napi::Env env);
  /** JavaScript thread: the work did not start, and the promise will not settle. */
  void cancel(Napi::Env env);
  /** Any thread: work has ended; settles the promise on the JavaScript thread. */
  void settle(std::unique_ptr<Deferred> deferred);
  /**
   * JavaScript thread: runs `work` on a thread of its own and promises what it leaves in the
   * deferred; memory that runs out meanwhile is its error. `keep` (may be empty) holds buffers
   * that `work` uses. What must be destroyed on the JavaScript thread belongs in `result`.
   */
  Napi::Promise run(Napi::Env env, const Napi::Object& keep, std::function<void(Deferred&)> work,
                    std::function<Napi::Value(Napi::Env)> result = nullptr);

  /** Non-zero once the environment is going away: long work must stop. */
  const std::atomic<int32_t>* closing() const { return &closing_; }

  /** Of the models and sessions of this environment. */
  const std::shared_ptr<ExternalMemory>& memory() const { return memory_; }

  Napi::FunctionReference model_constructor, adapter_constructor;

private:
  static void deliver(Napi::Env env, Napi::Function, AddonState* state, Deferred* deferred);
  using Channel = Napi::TypedThreadSafeFunction<AddonState, Deferred, deliver>;

  struct BackgroundThread {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> over; // joining it takes no time
  };

  void start_thread(Napi::Env env, std::function<void()> body);
  void drain();
  void join_threads(bool all);

  Channel channel_;
  std::shared_ptr<ExternalMemory> memory_;
  size_t pending_ = 0; // JavaScript thread: begun and not yet delivered
  std::atomic<int32_t> closing_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  size_t running_ = 0;                // begun and not yet ended
  std::unique_ptr<Deferred> orphans_; // drain() frees them
  std::list<BackgroundThread> threads_;
};

/** A JavaScript Error with `code` = ERR_BITNET_… for a failed status. */
Napi::Error to_error(Napi::Env env, const Status& status);

/** Out of memory; allocates nothing. */
Status out_of_memory();

/**
 * `call`, with an exception in JavaScript where memory runs out: beyond it nobody would catch it.
 */
template <class Call> Napi::Value with_memory(Napi::Env env, Call&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    to_error(env, out_of_memory()).ThrowAsJavaScriptException();
    return env.Undefined();
  }
}

/** The same for a function of the addon. */
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value checked(const Napi::CallbackInfo& info) {
  return with_memory(info.Env(), [&info] { return function(info); });
}

} // namespace bitnet
