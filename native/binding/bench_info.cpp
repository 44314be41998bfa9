// Measuring on a thread of its own, like loading.
#include "bench_info.h"

#include <string>

#include "addon_state.h"
#include "common/read_bandwidth.h"

namespace bitnet {

Napi::Value read_bandwidth(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const size_t threads = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  AddonState& state = AddonState::of(env);
  auto settlement = std::make_unique<Settlement>(env);
  Napi::Promise promise = settlement->deferred.Promise();
  state.start_thread(env, [&state, threads, raw = settlement.release()] {
    std::unique_ptr<Settlement> settlement(raw);
    double gigabytes_per_second = 0;
    {
      ThreadPool pool(threads);
      settlement->status = measure_read_bandwidth(pool, kReadBandwidthBlock, &gigabytes_per_second);
    }
    settlement->result = [gigabytes_per_second](Napi::Env env) -> Napi::Value {
      return Napi::Number::New(env, gigabytes_per_second);
    };
    state.settle(std::move(settlement));
  });
  return promise;
}

Napi::Value compiler(const Napi::CallbackInfo& info) {
#if defined(__clang__)
  const std::string name = "Clang " __clang_version__;
#elif defined(__GNUC__)
  const std::string name = "GCC " __VERSION__;
#elif defined(_MSC_VER)
  const std::string name = "MSVC " + std::to_string(_MSC_FULL_VER);
#else
  const std::string name = "unknown";
#endif
  return Napi::String::New(info.Env(), name);
}

} // namespace bitnet
