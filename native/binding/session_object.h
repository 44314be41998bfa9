// The JavaScript object that owns what one sequence remembers.
#pragma once
#include <napi.h>

#include <memory>

#include "model_object.h"

namespace bitnet {

struct SessionData {
  explicit SessionData(std::shared_ptr<ExternalMemory> sum) : memory(std::move(sum)) {}
  ~SessionData() {
    end_generation();
    cache.truncate(0);
    if (loaded)
      loaded->report();
  }

  /** JavaScript thread. */
  void end_generation() {
    if (!generating)
      return;
    loaded->queue.end(generation);
    cache.kv.unreserve();
    generating = false;
  }

  /** JavaScript thread. Keys and values, which sessions share, are the model's to report. */
  void report() {
    memory.set(cache.states.bytes());
    loaded->report();
  }

  std::shared_ptr<LoadedModel> loaded;
  SequenceCache cache;
  ReportedMemory memory;
  Generation generation;
  bool generating = false; // JavaScript thread: it was announced, and has not ended
};

class SessionObject : public Napi::ObjectWrap<SessionObject> {
public:
  static Napi::Function define(Napi::Env env);
  /**
   * new NativeSession(model, contextLength, kvType, session?): a value of KvType, and a session of the
   * same to fork
   */
  explicit SessionObject(const Napi::CallbackInfo& info);

private:
  template <auto method> Napi::Value checked(const Napi::CallbackInfo& info) {
    return with_memory(info.Env(), [this, &info] { return (this->*method)(info); });
  }
  void create(const Napi::CallbackInfo& info);
  Napi::Value js_evaluate(const Napi::CallbackInfo& info);
  Napi::Value js_cancel(const Napi::CallbackInfo& info);
  Napi::Value js_announce(const Napi::CallbackInfo& info);
  Napi::Value js_admit(const Napi::CallbackInfo& info);
  Napi::Value js_served(const Napi::CallbackInfo& info);
  Napi::Value js_end_generation(const Napi::CallbackInfo& info);
  Napi::Value js_position(const Napi::CallbackInfo& info);
  Napi::Value js_truncate(const Napi::CallbackInfo& info);
  Napi::Value js_bytes_per_position(const Napi::CallbackInfo& info);
  Napi::Value js_state_positions(const Napi::CallbackInfo& info);
  Napi::Value js_state_bytes(const Napi::CallbackInfo& info);
  Napi::Value js_save(const Napi::CallbackInfo& info);
  Napi::Value js_load(const Napi::CallbackInfo& info);
  Napi::Value js_close(const Napi::CallbackInfo& info);

  std::shared_ptr<SessionData> data_; // null once closed
};

/** checksumFile({ path, offsets, lengths, control }) → Promise<bigint> */
Napi::Value checksum_file(const Napi::CallbackInfo& info);

} // namespace bitnet
