// The addon's export table.
#include <napi.h>

#include "addon_state.h"
#include "autotune_info.h"
#include "bench_info.h"
#include "cpu_info.h"
#include "model_object.h"
#include "self_test_info.h"
#include "session_object.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new bitnet::AddonState(env));
  exports.Set("cpuInfo", Napi::Function::New(env, bitnet::cpu_info, "cpuInfo"));
  exports.Set("selectKernels", Napi::Function::New(env, bitnet::selected_kernels, "selectKernels"));
  exports.Set("ternaryTile", Napi::Function::New(env, bitnet::ternary_tile, "ternaryTile"));
  exports.Set("readBandwidth", Napi::Function::New(env, bitnet::read_bandwidth, "readBandwidth"));
  exports.Set("multiplyPeak", Napi::Function::New(env, bitnet::multiply_peak, "multiplyPeak"));
  exports.Set("multiplyInstruction",
              Napi::Function::New(env, bitnet::multiply_instruction, "multiplyInstruction"));
  exports.Set("timeKernels", Napi::Function::New(env, bitnet::timed_kernels, "timeKernels"));
  exports.Set("selfTest", Napi::Function::New(env, bitnet::tested_kernels, "selfTest"));
  exports.Set("compiler", Napi::Function::New(env, bitnet::compiler, "compiler"));
  exports.Set("loadModel", Napi::Function::New(env, bitnet::ModelObject::load, "loadModel"));
  exports.Set("checksumFile", Napi::Function::New(env, bitnet::checksum_file, "checksumFile"));
  exports.Set("NativeModel", bitnet::ModelObject::define(env));
  exports.Set("NativeSession", bitnet::SessionObject::define(env));
  return exports;
}

} // namespace

NODE_API_MODULE(bitnet, init)
