// The JavaScript object that owns a loaded model.
#pragma once
#include <napi.h>

#include <memory>

#include "addon_state.h"
#include "engine/engine.h"
#include "engine/evaluate.h"
#include "load/load_weights.h"
#include "load/shared_weights.h"

namespace bitnet {

/** A model and the engine it computes on; kept by the model object and by each of its sessions. */
struct LoadedModel {
  LoadedModel(std::shared_ptr<Weights> w, std::shared_ptr<Engine> e, const QueueOptions& options,
              std::shared_ptr<WeightsClaim> c, PreparedOutcome p,
              std::shared_ptr<ExternalMemory> sum)
      : weights(std::move(w)), engine(std::move(e)), claim(std::move(c)), prepared(std::move(p)),
        model(weights, engine->threads()), queue(*engine, model, options), memory(std::move(sum)) {
    report();
  }

  /** JavaScript thread. */
  void report() { memory.set(weights->bytes + model.workspace_bytes + model.kv->used()); }

  std::shared_ptr<Weights> weights; // changed by nothing but replan, and once shared not at all
  std::shared_ptr<Engine> engine;
  std::shared_ptr<WeightsClaim> claim; // until they are shared; null for weights that never are
  PreparedOutcome prepared;
  Model model;
  ModelQueue queue;
  ReportedMemory memory;
};

class ModelObject : public Napi::ObjectWrap<ModelObject> {
public:
  static Napi::Function define(Napi::Env env);
  explicit ModelObject(const Napi::CallbackInfo& info);

  /**
   * loadModel(spec, { threads, stepTarget, share, control, key, preparedPath, preparedKey,
   * preparedOffset, …choices as for planLoad }) → Promise<ModelObject>; throws for a kernel that
   * cannot be used, and what cannot be planned. Where a model has shared weights under `key` (may be
   * empty), they are not read again; what the prepared file (may be empty) holds is not packed again.
   */
  static Napi::Value load(const Napi::CallbackInfo& info);

  std::shared_ptr<LoadedModel> loaded; // null once closed

private:
  template <auto method> Napi::Value checked(const Napi::CallbackInfo& info) {
    return with_memory(info.Env(), [this, &info] { return (this->*method)(info); });
  }
  Napi::Value js_info(const Napi::CallbackInfo& info);
  Napi::Value js_limit_kv(const Napi::CallbackInfo& info);
  /** prepare({ path, key, header, control }) → Promise<void>: writes a prepared file. */
  Napi::Value js_prepare(const Napi::CallbackInfo& info);
  /**
   * replan({ control, …choices }) → Promise<ModelObject> with the matrices held as these choices say;
   * closes this one, whose sessions must be closed and whose weights must not be shared.
   */
  Napi::Value js_replan(const Napi::CallbackInfo& info);
  Napi::Value js_stats(const Napi::CallbackInfo& info);
  /** share(): models that are loaded under the same key hold these weights too; no more replan. */
  Napi::Value js_share(const Napi::CallbackInfo& info);
  Napi::Value js_close(const Napi::CallbackInfo& info);
};

} // namespace bitnet
