// Timing of kernels for TypeScript, which remembers the results.
#pragma once
#include <napi.h>

namespace bitnet {

/**
 * timeKernels({ shapes: [{ rows, cols }], candidates: [{ name }], threads, milliseconds, control })
 * → Promise<[{ rows, cols, kernel, timings: [{ kernel, token, batch }] }]>: see time_kernels().
 * control: [abort].
 */
Napi::Value timed_kernels(const Napi::CallbackInfo& info);

} // namespace bitnet
