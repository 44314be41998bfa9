// The JavaScript object that owns a loaded adapter.
#pragma once
#include <napi.h>

#include <memory>

#include "addon_state.h"
#include "graph/adapter.h"

namespace bitnet {

/** Kept by the adapter object and by each evaluation that uses it. */
struct LoadedAdapter {
  LoadedAdapter(std::shared_ptr<const Adapter> a, std::shared_ptr<ExternalMemory> sum)
      : adapter(std::move(a)), memory(std::move(sum)) {
    memory.set(adapter->bytes());
  }

  std::shared_ptr<const Adapter> adapter;
  ReportedMemory memory;
};

class AdapterObject : public Napi::ObjectWrap<AdapterObject> {
public:
  static Napi::Function define(Napi::Env env);
  explicit AdapterObject(const Napi::CallbackInfo& info);

  std::shared_ptr<LoadedAdapter> loaded; // null once closed

private:
  Napi::Value js_close(const Napi::CallbackInfo& info);
};

/** adapterBytes(model, { pairs }) → the bytes it will take; throws where a matrix does not fit */
Napi::Value adapter_bytes(const Napi::CallbackInfo& info);

/** loadAdapter(model, { id, path, stamp, pairs, control }) → Promise<NativeAdapter> */
Napi::Value load_adapter_of(const Napi::CallbackInfo& info);

} // namespace bitnet
