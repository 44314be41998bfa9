// Testing on a thread of its own, like loading.
#include "self_test_info.h"

#include "addon_state.h"
#include "kernels/cpu_features.h"
#include "self_test/self_test.h"

namespace bitnet {

Napi::Value tested_kernels(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return AddonState::of(env).run(env, {}, [](Deferred& deferred) {
    std::vector<KernelVerdict> verdicts;
    deferred.status = self_test(detect_cpu_features(), &verdicts);
    deferred.result = [verdicts = std::move(verdicts)](Napi::Env env) -> Napi::Value {
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
  });
}

} // namespace bitnet
