// Measuring on a thread of its own, like loading.
#include "bench_info.h"

#include <string>

#include "addon_state.h"
#include "machine/multiply_peak.h"
#include "machine/read_bandwidth.h"

namespace bitnet {

namespace {

/**
 * Runs `measure` on a thread of its own with a pool of info[0] threads; resolves with its number.
 */
Napi::Value measured(const Napi::CallbackInfo& info, Status (*measure)(ThreadPool&, double*)) {
  Napi::Env env = info.Env();
  const size_t threads = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
  return AddonState::of(env).run(env, {}, [threads, measure](Deferred& deferred) {
    double value = 0;
    ThreadPool pool(threads);
    deferred.status = measure(pool, &value);
    deferred.result = [value](Napi::Env env) -> Napi::Value {
      return Napi::Number::New(env, value);
    };
  });
}

} // namespace

Napi::Value read_bandwidth(const Napi::CallbackInfo& info) {
  return measured(info, [](ThreadPool& pool, double* gigabytes_per_second) {
    return measure_read_bandwidth(pool, kReadBandwidthBlock, gigabytes_per_second);
  });
}

Napi::Value multiply_peak(const Napi::CallbackInfo& info) {
  return measured(info, [](ThreadPool& pool, double* gmacs_per_second) {
    *gmacs_per_second = measure_multiply_peak(pool);
    return Status();
  });
}

Napi::Value multiply_instruction(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), multiply_instruction());
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
