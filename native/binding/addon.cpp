// The addon's export table.
#include <napi.h>

#include "adapter_object.h"
#include "addon_state.h"
#include "autotune_info.h"
#include "bench_info.h"
#include "cpu_info.h"
#include "grammar_object.h"
#include "model_object.h"
#include "plan_info.h"
#include "quantize_info.h"
#include "self_test_info.h"
#include "session_object.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  using namespace bitnet;
  env.SetInstanceData(new AddonState(env));
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("cpuInfo", checked<cpu_info>);
  add("selectKernels", checked<selected_kernels>);
  add("breakEvenSparsity", checked<break_even_sparsity>);
  add("readBandwidth", checked<read_bandwidth>);
  add("multiplyPeak", checked<multiply_peak>);
  add("multiplyInstruction", checked<multiply_instruction>);
  add("timeKernels", checked<timed_kernels>);
  add("selfTest", checked<tested_kernels>);
  add("compiler", checked<compiler>);
  add("planLoad", checked<plan_info>);
  add("loadModel", checked<ModelObject::load>);
  add("adapterBytes", checked<adapter_bytes>);
  add("loadAdapter", checked<load_adapter_of>);
  add("checksumFile", checked<checksum_file>);
  add("encodeRows", checked<encoded_rows>);
  add("groupSizes", checked<found_sizes>);
  add("rowSums", checked<found_sums>);
  add("firstScale", checked<found_scale>);
  add("measureTernary", checked<measured_ternary>);
  add("buildVocabulary", checked<build_vocabulary>);
  add("checkGrammar", checked<check_grammar>);
  add("compileGrammar", checked<compile_grammar>);
  exports.Set("NativeGrammarText", GrammarTextObject::define(env));
  exports.Set("NativeModel", ModelObject::define(env));
  exports.Set("NativeAdapter", AdapterObject::define(env));
  exports.Set("NativeSession", SessionObject::define(env));
  return exports;
}

} // namespace

NODE_API_MODULE(bitnet, init)
