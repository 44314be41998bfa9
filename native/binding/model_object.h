// The JavaScript object that owns a loaded model.
#pragma once
#include <napi.h>

#include <memory>

#include "addon_state.h"
#include "engine/engine.h"
#include "engine/evaluate.h"
#include "load/load_weights.h"

namespace bitnet {

/** A model and the engine it computes on; kept by the model object and by each of its sessions. */
struct LoadedModel {
  LoadedModel(std::shared_ptr<Weights> w, std::shared_ptr<Engine> e, const QueueOptions& options,
              std::shared_ptr<ExternalMemory> sum)
      : weights(std::move(w)), engine(std::move(e)), model(weights, engine->threads()),
        queue(*engine, model, options), memory(std::move(sum)) {
    report();
  }

  /** JavaScript thread. */
  void report() { memory.set(weights->bytes + model.workspace_bytes + model.kv->used()); }

  std::shared_ptr<Weights> weights; // changed by nothing but replan
  std::shared_ptr<Engine> engine;
  Model model;
  ModelQueue queue;
  ReportedMemory memory;
};

class ModelObject : public Napi::ObjectWrap<ModelObject> {
public:
  static Napi::Function define(Napi::Env env);
  explicit ModelObject(const Napi::CallbackInfo& info);

  /**
   * loadModel(spec, { threads, stepTarget, share, control, …choices as for planLoad }) → Promise<ModelObject>; throws
   * for a kernel that cannot be used, and what cannot be planned.
   */
  static Napi::Value load(const Napi::CallbackInfo& info);

  std::shared_ptr<LoadedModel> loaded; // null once closed

private:
  template <auto method> Napi::Value checked(const Napi::CallbackInfo& info) {
    return with_memory(info.Env(), [this, &info] { return (this->*method)(info); });
  }
  Napi::Value js_info(const Napi::CallbackInfo& info);
  Napi::Value js_limit_kv(const Napi::CallbackInfo& info);
  /**
   * replan({ control, …choices }) → Promise<ModelObject> with the matrices held as these choices say;
   * closes this one, whose sessions must be closed.
   */
  Napi::Value js_replan(const Napi::CallbackInfo& info);
  Napi::Value js_stats(const Napi::CallbackInfo& info);
  Napi::Value js_close(const Napi::CallbackInfo& info);
};

} // namespace bitnet
