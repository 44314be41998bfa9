// JavaScript values → plain structs.
#include "arguments.h"

namespace bitnet {
namespace {

TensorSpec tensor_of(const Napi::Object& object) {
  TensorSpec tensor;
  tensor.role = string_of(object, "role");
  tensor.layer = static_cast<int32_t>(number_of(object, "layer"));
  tensor.name = string_of(object, "name");
  tensor.type = string_of(object, "type");
  tensor.rows = static_cast<uint64_t>(number_of(object, "rows"));
  tensor.cols = static_cast<uint64_t>(number_of(object, "cols"));
  tensor.offset = static_cast<uint64_t>(number_of(object, "offset"));
  tensor.bytes = static_cast<uint64_t>(number_of(object, "bytes"));
  tensor.tile = {static_cast<size_t>(number_of(object, "tileRows")),
                 static_cast<size_t>(number_of(object, "tileCols")),
                 static_cast<size_t>(number_of(object, "tileGroupRows"))};
  tensor.scale_offset = static_cast<uint64_t>(number_of(object, "scaleOffset"));
  tensor.shard = static_cast<uint32_t>(number_of(object, "shard"));
  tensor.scale_shard = static_cast<uint32_t>(number_of(object, "scaleShard"));
  tensor.rotated = number_of(object, "rotated") != 0;
  tensor.experts = static_cast<uint32_t>(number_of(object, "experts"));
  return tensor;
}

std::shared_ptr<const SyntheticSpec> synthetic_of(const Napi::Object& object) {
  auto synthetic = std::make_shared<SyntheticSpec>();
  synthetic->seed = static_cast<uint32_t>(number_of(object, "seed"));
  synthetic->normal = copy_of<uint16_t>(object, "normal");
  synthetic->scales = copy_of<float>(object, "scales");
  synthetic->half_scales = copy_of<uint16_t>(object, "halfScales");
  synthetic->scales_of = static_cast<ScalesOf>(number_of(object, "scalesOf"));
  return synthetic;
}

} // namespace

double number_of(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : 0.0;
}

std::string string_of(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

size_t length_of(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  return value.IsTypedArray() ? value.As<Napi::TypedArray>().ElementLength() : 0;
}

ModelSpec model_spec_of(const Napi::Object& object) {
  const auto count = [&object](const char* key) {
    return static_cast<uint32_t>(number_of(object, key));
  };
  ModelSpec spec;
  spec.n_layer = count("nLayer");
  spec.dim = count("dim");
  spec.ffn_dim = count("ffnDim");
  spec.n_head = count("nHead");
  spec.n_kv_head = count("nKvHead");
  spec.head_dim = count("headDim");
  spec.vocab_size = count("vocabSize");
  spec.norm_eps = static_cast<float>(number_of(object, "normEps"));
  spec.layer_norm = number_of(object, "layerNorm") != 0;
  spec.clamp_kqv = static_cast<float>(number_of(object, "clampKqv"));
  spec.norm_after_rotation = number_of(object, "normAfterRotation") != 0;
  spec.rope_neox = number_of(object, "ropeNeox") != 0;
  spec.rope_dim = count("ropeDim");
  spec.rope_base = number_of(object, "ropeBase");
  spec.rope_scale = number_of(object, "ropeScale");
  spec.rope_magnitude = number_of(object, "ropeMagnitude");
  spec.rope_factors = copy_of<double>(object, "ropeFactors");
  spec.rope_long_above = count("ropeLongAbove");
  spec.embedding_scale = static_cast<float>(number_of(object, "embeddingScale"));
  spec.residual_scale = static_cast<float>(number_of(object, "residualScale"));
  spec.logit_scale = static_cast<float>(number_of(object, "logitScale"));
  spec.attention_scale = static_cast<float>(number_of(object, "attentionScale"));
  spec.windowed = copy_of<int32_t>(object, "windowedLayers");
  spec.window = count("window");
  spec.window_rope_base = number_of(object, "windowRopeBase");
  spec.window_rope_magnitude = number_of(object, "windowRopeMagnitude");
  spec.rope_in_windows = number_of(object, "ropeInWindows") != 0;
  spec.rotation_block = count("rotationBlock");
  spec.rotation_grouped = number_of(object, "rotationGrouped") != 0;
  read_array(object, "rotationSigns", [&](const Napi::Object& signs) {
    spec.rotation_signs.push_back(copy_of<int8_t>(signs, "values"));
  });
  spec.n_expert = count("nExpert");
  spec.n_expert_used = count("nExpertUsed");
  spec.gate_limits = copy_of<float>(object, "gateLimits");
  spec.gated_attention = number_of(object, "gatedAttention") != 0;
  spec.recurrent = {.layers = copy_of<int32_t>(object, "recurrentLayers"),
                    .state_space = number_of(object, "stateSpace") != 0,
                    .taps = count("stateTaps"),
                    .n_key_head = count("nStateKeyHead"),
                    .n_value_head = count("nStateValueHead"),
                    .key_dim = count("stateKeyDim"),
                    .head_dim = count("stateHeadDim")};
  spec.activation = static_cast<Activation>(count("activation"));
  spec.logit_softcapping = static_cast<float>(number_of(object, "logitSoftcapping"));
  spec.path = string_of(object, "path");
  read_array(object, "shards",
             [&](const Napi::Object& shard) { spec.shards.push_back(string_of(shard, "path")); });
  const std::vector<int64_t> stamps = copy_of<int64_t>(object, "stamps");
  for (size_t i = 0; i + 2 < stamps.size(); i += 3)
    spec.stamps.push_back({stamps[i], stamps[i + 1], stamps[i + 2]});
  read_array(object, "tensors",
             [&](const Napi::Object& tensor) { spec.tensors.push_back(tensor_of(tensor)); });
  const Napi::Value synthetic = object.Get("synthetic");
  if (synthetic.IsObject())
    spec.synthetic = synthetic_of(synthetic.As<Napi::Object>());
  return spec;
}

} // namespace bitnet
