// What this CPU can run, for `inspect` and error messages.
#pragma once
#include <napi.h>

#include "kernels/kernels.h"

namespace bitnet {

/** cpuInfo() → { isa: string[], threads, kernels: [{ name, isa, usable }] } */
Napi::Value cpu_info(const Napi::CallbackInfo& info);

/** selectKernels(forced) → { ternary, dense, vector }; throws ERR_BITNET_KERNEL. */
Napi::Value selected_kernels(const Napi::CallbackInfo& info);

/**
 * breakEvenSparsity(forced) → NeuronKernel::break_even of the chosen kernel, undefined without one;
 * throws ERR_BITNET_KERNEL.
 */
Napi::Value break_even_sparsity(const Napi::CallbackInfo& info);

/** { ternary: "mad2-avx2", dense: "avx2", vector: "avx2" } */
Napi::Object kernel_names(Napi::Env env, const KernelSet& kernels);

} // namespace bitnet
