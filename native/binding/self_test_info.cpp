// Testing on a thread of its own, like loading.
#include "self_test_info.h"

#include "addon_state.h"
#include "kernels/cpu_features.h"
#include "self_test/self_test.h"

namespace bitnet {

Napi::Value tested_kernels(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  AddonState& state = AddonState::of(env);
  auto settlement = std::make_unique<Settlement>(env);
  Napi::Promise promise = settlement->deferred.Promise();
  state.start_thread(env, [&state, raw = settlement.release()] {
    std::unique_ptr<Settlement> settlement(raw);
    std::vector<KernelVerdict> verdicts;
    settlement->status = self_test(detect_cpu_features(), &verdicts);
    settlement->result = [verdicts = std::move(verdicts)](Napi::Env env) -> Napi::Value {
      Napi::Array list = Napi::Array::New(env);
      for (const KernelVerdict& verdict : verdicts) {
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("family", verdict.family);
        entry.Set("name", verdict.name);
        entry.Set("wrong", verdict.wrong);
        list.Set(list.Length(), entry);
      }
      return list;
    };
    state.settle(std::move(settlement));
  });
  return promise;
}

} // namespace bitnet
