// Timing on a thread of its own, like loading.
#include "autotune_info.h"

#include "addon_state.h"
#include "arguments.h"
#include "common/cpu_count.h"
#include "kernels/cpu_features.h"
#include "load/autotune.h"

namespace bitnet {
namespace {

Napi::Value to_array(Napi::Env env, const std::vector<ShapeTiming>& results) {
  Napi::Array shapes = Napi::Array::New(env);
  for (const ShapeTiming& result : results) {
    Napi::Array timings = Napi::Array::New(env);
    for (const KernelTiming& timing : result.timings) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("kernel", name_of(*timing.kernel));
      entry.Set("token", timing.token);
      entry.Set("batch", timing.batch);
      timings.Set(timings.Length(), entry);
    }
    Napi::Object shape = Napi::Object::New(env);
    shape.Set("rows", static_cast<double>(result.shape.rows));
    shape.Set("cols", static_cast<double>(result.shape.cols));
    shape.Set("kernel", name_of(*result.best));
    shape.Set("timings", timings);
    shapes.Set(shapes.Length(), shape);
  }
  return shapes;
}

} // namespace

Napi::Value timed_kernels(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Napi::Object options = info[0].As<Napi::Object>();
  const uint32_t features = detect_cpu_features();
  KernelSet kernels;
  Status status = select_kernels(features, "", &kernels);
  if (!status.ok()) {
    to_error(env, status).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  std::vector<MatrixShape> shapes;
  read_array(options, "shapes", [&shapes](const Napi::Object& shape) {
    shapes.push_back({static_cast<uint64_t>(number_of(shape, "rows")),
                      static_cast<uint64_t>(number_of(shape, "cols"))});
  });
  std::vector<const TernaryKernel*> candidates;
  read_array(options, "candidates", [&](const Napi::Object& candidate) {
    if (const TernaryKernel* kernel = find_ternary_kernel(features, string_of(candidate, "name")))
      candidates.push_back(kernel);
  });
  const double asked = number_of(options, "threads");
  const size_t threads = asked >= 1 ? static_cast<size_t>(asked) : usable_cpu_count();
  const std::chrono::milliseconds budget(static_cast<int64_t>(number_of(options, "milliseconds")));
  auto* control = elements_of<std::atomic<int32_t>>(options, "control");
  if (!control) // read last: the worker is being terminated
    return env.Undefined();

  AddonState& state = AddonState::of(env);
  const Abort abort{control, state.closing()};
  return state.run(env, options,
                   [vector = kernels.vector, threads, budget, abort, shapes = std::move(shapes),
                    candidates = std::move(candidates)](Deferred& deferred) {
                     ThreadPool pool(threads);
                     deferred.result = [results = time_kernels(shapes, candidates, *vector, pool,
                                                               budget, abort)](Napi::Env env) {
                       return to_array(env, results);
                     };
                   });
}

} // namespace bitnet
