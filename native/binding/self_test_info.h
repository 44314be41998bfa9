// The self-test of the kernels for `bitnet doctor`.
#pragma once
#include <napi.h>

namespace bitnet {

/**
 * selfTest() → Promise<[{ family, name, wrong }]>: see self_test(); rejects with
 * ERR_BITNET_MEMORY.
 */
Napi::Value tested_kernels(const Napi::CallbackInfo& info);

} // namespace bitnet
