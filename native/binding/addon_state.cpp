// Settling promises from native threads, and leaving cleanly when an environment ends in mid-work.
#include "addon_state.h"

#include <new>
#include <system_error>

namespace bitnet {
namespace {

const char* code_name(Code code) {
  switch (code) {
  case Code::kOk:
    break;
  case Code::kAborted:
    return "ERR_BITNET_ABORTED";
  case Code::kArgument:
    return "ERR_BITNET_ARGUMENT";
  case Code::kClosed:
    return "ERR_BITNET_CLOSED";
  case Code::kContext:
    return "ERR_BITNET_CONTEXT";
  case Code::kFile:
    return "ERR_BITNET_FILE";
  case Code::kKernel:
    return "ERR_BITNET_KERNEL";
  case Code::kMemory:
    return "ERR_BITNET_MEMORY";
  case Code::kModel:
    return "ERR_BITNET_MODEL";
  case Code::kSession:
    return "ERR_BITNET_SESSION";
  case Code::kType:
    return "ERR_BITNET_TYPE";
  }
  return "ERR_BITNET_ADDON";
}

} // namespace

Napi::Error to_error(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, status.message);
  error.Set("code", Napi::String::New(env, code_name(status.code)));
  return error;
}

AddonState::AddonState(Napi::Env env) : channel_(Channel::New(env, "bitnet", 0, 1, this)) {
  channel_.Unref(env); // only work in progress keeps the process alive
  // Hooks run last-in first-out, so this one runs before the channel's own end.
  env.AddCleanupHook([this] { drain(); });
}

AddonState::~AddonState() {
  drain();
}

void AddonState::begin(Napi::Env env) {
  if (pending_++ == 0)
    channel_.Ref(env);
  std::lock_guard<std::mutex> lock(mutex_);
  ++running_;
}

void AddonState::settle(std::unique_ptr<Settlement> settlement) {
  // Notified under the lock: after it, drain() may return and this object may be gone.
  std::lock_guard<std::mutex> lock(mutex_);
  if (closing_.load() == 0)
    channel_.NonBlockingCall(settlement.release()); // deliver() takes it back
  else
    orphans_.push_back(std::move(settlement)); // of a dying environment: drain() frees it
  --running_;
  ended_.notify_all();
}

Napi::Promise AddonState::run(Napi::Env env, const Napi::Object& keep,
                              std::function<void(Settlement&)> work,
                              std::function<Napi::Value(Napi::Env)> result) {
  auto settlement = std::make_unique<Settlement>(env);
  settlement->result = std::move(result);
  if (!keep.IsEmpty())
    settlement->keep.push_back(Napi::Persistent(keep));
  Napi::Promise promise = settlement->deferred.Promise();
  start_thread(env, [this, work = std::move(work), raw = settlement.release()] {
    std::unique_ptr<Settlement> settlement(raw);
    try {
      work(*settlement);
    } catch (const std::bad_alloc&) {
      settlement->status =
          Status::error(Code::kMemory, "There is not enough memory for that: close other programs, "
                                       "or use a smaller model or context.");
    }
    settle(std::move(settlement));
  });
  return promise;
}

void AddonState::start_thread(Napi::Env env, std::function<void()> body) {
  begin(env);
  join_threads(false); // those of earlier loads, whose stacks would otherwise stay
  auto over = std::make_shared<std::atomic<bool>>(false);
  try {
    threads_.push_back({std::thread([body, over] {
                          body();
                          over->store(true);
                        }),
                        over});
  } catch (const std::system_error&) {
    body(); // the system's thread limit: slower, not wrong
  }
}

void AddonState::join_threads(bool all) {
  for (auto it = threads_.begin(); it != threads_.end();) {
    if (!all && !it->over->load()) {
      ++it;
      continue;
    }
    it->thread.join();
    it = threads_.erase(it);
  }
}

void AddonState::deliver(Napi::Env env, Napi::Function, AddonState* state, Settlement* raw) {
  if (env == nullptr) {
    // The environment ended with this still queued. What belongs to it is gone; but the engine must
    // end now, or its threads would run on in a library that Node is about to unload.
    raw->result = nullptr;
    return;
  }
  std::unique_ptr<Settlement> settlement(raw);
  if (--state->pending_ == 0)
    state->channel_.Unref(env);
  Napi::HandleScope scope(env);
  if (!settlement->status.ok())
    settlement->deferred.Reject(to_error(env, settlement->status).Value());
  else
    settlement->deferred.Resolve(settlement->result ? settlement->result(env) : env.Undefined());
}

void AddonState::drain() {
  closing_.store(1);
  {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
  }
  orphans_.clear();
  join_threads(true);
}

} // namespace bitnet
