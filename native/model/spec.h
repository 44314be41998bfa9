// A model as plain numbers: what TypeScript read from the metadata, checked there, handed over
// once.
#pragma once
#include <stdint.h>

#include <string>
#include <vector>

#include "../formats/formats.h"

namespace bitnet {

enum class Role : uint32_t {
  kTokenEmbd,
  kOutputNorm,
  kOutput,
  kRopeFreqs,
  kAttnNorm,
  kAttnSubNorm,
  kFfnNorm,
  kFfnSubNorm,
  kAttnQ,
  kAttnK,
  kAttnV,
  kAttnOutput,
  kFfnGate,
  kFfnUp,
  kFfnDown,
};

enum class Activation : uint32_t { kRelu2, kSilu };

struct TensorSpec {
  Role role;
  int32_t layer; // -1 for the tensors of the whole model
  std::string name;
  std::string type; // public name of the stored type: "I2_S", "F16", …
  uint64_t rows;    // output features; 1 for vectors
  uint64_t cols;    // input features; the length of vectors
  uint64_t offset;  // bytes from the start of the file
  uint64_t bytes;
  TileShape tile = {};       // of TL1 and TL2
  uint64_t scale_offset = 0; // of an f32 in the file that the product is multiplied by; 0: none
  uint32_t part = 0;         // which of the model's files it is in
  uint32_t scale_part = 0;   // and which has that scale
};

struct ModelSpec {
  uint32_t n_layer;
  uint32_t dim;
  uint32_t ffn_dim;
  uint32_t n_head;
  uint32_t n_kv_head;
  uint32_t head_dim;
  uint32_t vocab;
  float norm_eps;
  bool rope_neox;    // rotate (x[j], x[j + rope_dim/2]); otherwise (x[2j], x[2j+1])
  uint32_t rope_dim; // leading components of a head that are rotated
  double rope_base;
  double rope_scale; // positions are divided by it
  Activation activation;
  std::string path;
  std::vector<std::string> parts; // paths of a split model's files; empty: `path` is all of it
  std::vector<TensorSpec> tensors;
};

} // namespace bitnet
