// Types into types for `bitnet quantize` and whatever else writes weights.
#pragma once
#include <napi.h>

namespace bitnet {

// All take { path, stamp, offset } or { bytes, offset }, and { type, rows, cols, tileRows, tileCols,
// tileGroupRows, threads, control }: lib/native.ts says what each is.

/** encodeRows({ …, row, count, target, absmean, scale, given, zeroLimit, out }) → Promise<findings> */
Napi::Value encoded_rows(const Napi::CallbackInfo& info);

/** groupSizes({ …, out }) → Promise<undefined> */
Napi::Value found_sizes(const Napi::CallbackInfo& info);

/** rowSums({ …, out }) → Promise<undefined> */
Napi::Value found_sums(const Napi::CallbackInfo& info);

/** firstScale({ … }) → Promise<number> */
Napi::Value found_scale(const Napi::CallbackInfo& info);

/** measureTernary({ …, group }) → Promise<{ exact, absmean, distance }> */
Napi::Value measured_ternary(const Napi::CallbackInfo& info);

} // namespace bitnet
