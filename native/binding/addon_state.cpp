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
  case Code::kGrammar:
    return "ERR_BITNET_GRAMMAR";
  case Code::kKernel:
    return "ERR_BITNET_KERNEL";
  case Code::kMemory:
    return "ERR_BITNET_MEMORY";
  case Code::kModel:
    return "ERR_BITNET_MODEL";
  case Code::kNumeric:
    return "ERR_BITNET_NUMERIC";
  case Code::kSession:
    return "ERR_BITNET_SESSION";
  case Code::kType:
    return "ERR_BITNET_TYPE";
  }
  return "ERR_BITNET_ADDON";
}

} // namespace

Status out_of_memory() {
  return Status::error(Code::kMemory, "There is not enough memory for that: close other programs, "
                                      "or use a smaller model or context.");
}

Napi::Error to_error(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, status.text());
  error.Set("code", Napi::String::New(env, code_name(status.code)));
  return error;
}

AddonState::AddonState(Napi::Env env)
    : channel_(Channel::New(env, "bitnet", 0, 1, this)),
      memory_(std::make_shared<ExternalMemory>(env)) {
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

void AddonState::cancel(Napi::Env env) {
  if (--pending_ == 0)
    channel_.Unref(env);
  std::lock_guard<std::mutex> lock(mutex_);
  --running_;
}

void AddonState::settle(std::unique_ptr<Deferred> deferred) {
  // Notified under the lock: after it, drain() may return and this object may be gone.
  std::lock_guard<std::mutex> lock(mutex_);
  if (closing_.load() == 0)
    channel_.NonBlockingCall(deferred.release()); // deliver() takes it back
  else
    deferred->next = std::move(orphans_), orphans_ = std::move(deferred);
  --running_;
  ended_.notify_all();
}

Napi::Promise AddonState::run(Napi::Env env, const Napi::Object& keep,
                              std::function<void(Deferred&)> work,
                              std::function<Napi::Value(Napi::Env)> result) {
  auto deferred = std::make_unique<Deferred>(env);
  deferred->result = std::move(result);
  if (!keep.IsEmpty())
    deferred->keep.push_back(Napi::Persistent(keep));
  Napi::Promise promise = deferred->promise.Promise();
  start_thread(env, [this, work = std::move(work), raw = deferred.release()] {
    std::unique_ptr<Deferred> deferred(raw);
    try {
      work(*deferred);
    } catch (const std::bad_alloc&) {
      deferred->status = out_of_memory();
    }
    settle(std::move(deferred));
  });
  return promise;
}

void AddonState::start_thread(Napi::Env env, std::function<void()> body) {
  join_threads(false); // those of earlier loads, whose stacks would otherwise stay
  auto over = std::make_shared<std::atomic<bool>>(false);
  threads_.push_back({std::thread(), over}); // before the thread runs, which must find its place
  begin(env);
  bool started = false;
  try {
    threads_.back().thread = std::thread([body, over] {
      body();
      over->store(true);
    });
    started = true;
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  if (started)
    return;
  threads_.pop_back();
  body(); // at the system's limit: slower, not wrong
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

void AddonState::deliver(Napi::Env env, Napi::Function, AddonState* state, Deferred* raw) {
  if (env == nullptr) {
    // The environment ended with this still queued. What belongs to it is gone; but the engine must
    // end now, or its threads would run on in a library that Node is about to unload.
    raw->result = nullptr;
    raw->ended = nullptr;
    return;
  }
  std::unique_ptr<Deferred> deferred(raw);
  if (--state->pending_ == 0)
    state->channel_.Unref(env);
  Napi::HandleScope scope(env);
  try { // an exception here would end the process
    if (deferred->ended)
      deferred->ended();
    if (!deferred->status.ok())
      return deferred->promise.Reject(to_error(env, deferred->status).Value());
    deferred->promise.Resolve(deferred->result ? deferred->result(env) : env.Undefined());
  } catch (const std::bad_alloc&) {
    deferred->promise.Reject(to_error(env, out_of_memory()).Value());
  }
}

void AddonState::drain() {
  closing_.store(1);
  memory_->close();
  {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
  }
  while (orphans_)
    orphans_ = std::move(orphans_->next);
  join_threads(true);
}

} // namespace bitnet
