// What `bitnet bench` reports of the machine and the build besides cpuInfo().
#pragma once
#include <napi.h>

namespace bitnet {

/** readBandwidth(threads) → Promise<GB/s>; rejects with ERR_BITNET_MEMORY. */
Napi::Value read_bandwidth(const Napi::CallbackInfo& info);

/** multiplyPeak(threads) → Promise<10⁹ int8 multiply-adds per second>. */
Napi::Value multiply_peak(const Napi::CallbackInfo& info);

/** multiplyInstruction() → "VPDPBUSD zmm": what multiplyPeak uses. */
Napi::Value multiply_instruction(const Napi::CallbackInfo& info);

/** compiler() → "GCC 12.2.0": what built the addon. */
Napi::Value compiler(const Napi::CallbackInfo& info);

} // namespace bitnet
