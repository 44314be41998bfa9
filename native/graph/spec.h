// A model as plain numbers: what TypeScript read from the metadata, checked there, handed over
// once.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <string>
#include <vector>

#include "../common/file_reader.h"
#include "../formats/formats.h"

namespace bitnet {

enum class Activation : uint32_t { kRelu2, kSilu, kGeluTanh };

struct TensorSpec {
  std::string role; // its name in the table of roles.cpp
  int32_t layer;    // -1 for the tensors of the whole model
  std::string name;
  std::string type; // how it is stored: "F16", "I2_S", or with its variant, "I2_S arm64"
  uint64_t rows;    // output features; 1 for vectors
  uint64_t cols;    // input features; the length of vectors
  uint64_t offset;  // bytes from the start of the file
  uint64_t bytes;
  TileShape tile = {};       // of TL1 and TL2
  uint64_t scale_offset = 0; // of an f32 in the file that the product is multiplied by; 0: none
  uint32_t shard = 0;        // which of the model's files it is in
  uint32_t scale_shard = 0;  // and which has that scale
  bool rotated = false;      // folded with the model's rotation, as its input has to be
  uint32_t experts = 0; // as many matrices [rows, cols] one after the other; 0: one of no expert
};

/** What has a scale of its own in a model that is made. */
enum class ScalesOf : uint32_t { kTensor, kRow, kBlock };

/** What decides the weights of a model that is made and not read (bench/synth/load.ts). */
struct SyntheticSpec {
  uint32_t seed;
  std::vector<uint16_t> normal;      // [65536] an f16 of the embedding for 16 random bits
  std::vector<float> scales;         // per tensor, the size of a weight; of a vector every value
  std::vector<uint16_t> half_scales; // the same as f16
  ScalesOf scales_of = ScalesOf::kTensor;
};

/**
 * Layers that keep a state of fixed size, a matrix for every value head, behind a causal convolution:
 * gated delta nets (Yang et al. 2024) in place of keys and values, or selective state spaces (Mamba-2,
 * Dao & Gu 2024) beside them. What B and C of a group of the latter are called are keys and queries.
 */
struct RecurrentSpec {
  std::vector<int32_t> layers; // [n_layer] 1 for these layers, or empty: there are none
  bool state_space = false;    // beside attention, and not a gated delta net in its place
  uint32_t taps = 0;           // tokens that the convolution sees
  // Value head h has the keys of key head h mod n_key_head; of a state space, whose key heads have
  // neighbors, of h / (n_value_head / n_key_head).
  uint32_t n_key_head = 0;
  uint32_t n_value_head = 0;
  uint32_t key_dim = 0;  // of a key head
  uint32_t head_dim = 0; // of a value head

  /** Values of all heads. */
  uint32_t values() const { return n_value_head * head_dim; }
  /** Channels of the convolution: queries, keys, values; or values, keys, queries. */
  uint32_t channels() const { return 2 * n_key_head * key_dim + values(); }
  /** What one matrix projects for a state space: gates of values, channels, steps of heads. */
  uint32_t state_in() const { return state_space ? values() + channels() + n_value_head : 0; }
  /** Weights of the norm of values: of every head the same, or all. */
  uint32_t state_norm() const { return state_space ? values() : head_dim; }
};

struct ModelSpec {
  uint32_t n_layer;
  uint32_t dim;
  uint32_t ffn_dim; // of one expert
  uint32_t n_head;
  uint32_t n_kv_head;
  uint32_t head_dim;
  uint32_t vocab_size;
  float norm_eps;
  bool layer_norm =
      false;      // LayerNorm instead of RMSNorm; the norms that all graphs have, without weights
  bool rope_neox; // rotate (x[j], x[j + rope_dim/2]); otherwise (x[2j], x[2j+1])
  uint32_t rope_dim; // leading components of a head that are rotated
  double rope_base;
  double rope_scale;                // positions are divided by it
  std::vector<double> rope_factors; // [rope_dim / 2] divisors of the angles, or empty
  double rope_magnitude = 1;        // cosines and sines are multiplied by it
  uint32_t rope_long_above = 0;     // LongRoPE: the positions up to which a session is short
  float embedding_scale;            // embeddings are multiplied by it
  float residual_scale = 1;         // what branches add to the residual stream is multiplied by it
  float logit_scale = 1;            // the state is divided by it before the head
  float clamp_kqv = 0;              // projected q, k and v are kept in [-it, it]; 0: they stay
  bool norm_after_rotation = false; // of the heads of q and k
  float attention_scale;            // of q · k: usually 1 / sqrt(head_dim)
  std::vector<int32_t> windowed;    // [n_layer] 1 where attention has a window, or empty: nowhere
  uint32_t window;         // positions a token of a sliding-window layer sees, itself included
  double window_rope_base; // of sliding-window layers, whose positions are not scaled
  double window_rope_magnitude = 1;
  bool rope_in_windows = false; // only sliding-window layers rotate, by the angles of the model
  uint32_t n_expert = 0;        // feed-forward networks of a layer; 0: one, which every token uses
  uint32_t n_expert_used = 0;   // of them by one token
  std::vector<float>
      gate_limits;             // [n_layer] bounds of the experts' gates and ups, or empty; 0: none
  uint32_t rotation_block = 0; // values that are transformed together; 0: nothing is rotated
  bool rotation_grouped = false; // of a recurrent layer's output: heads of one key head together
  std::vector<std::vector<int8_t>> rotation_signs; // ±1, for inputs of their length; none: all 1
  bool gated_attention = false; // behind each head's query stands its gate, as wide
  RecurrentSpec recurrent;
  Activation activation;
  float logit_softcapping = 0;     // logits become c * tanh(logit / c); 0: they stay
  std::string path;                // of the file, or what errors call the model
  std::vector<std::string> shards; // paths of a split model's files; empty: `path` is all of it
  std::vector<FileStamp> stamps;   // of these files when all this was read from them, or empty
  std::shared_ptr<const SyntheticSpec> synthetic; // null: read from the file
  std::vector<TensorSpec> tensors;

  /** Whether sessions with room for `context` positions turn by LongRoPE's long factors. */
  bool is_long(size_t context) const { return rope_long_above != 0 && context > rope_long_above; }
  bool is_windowed(size_t layer) const { return !windowed.empty() && windowed[layer] != 0; }
  bool rotates(size_t layer) const { return !rope_in_windows || is_windowed(layer); }
  /** Whether sliding-window layers rotate by angles of their own. */
  bool has_window_rope() const { return !windowed.empty() && !rope_in_windows; }
  bool is_recurrent(size_t layer) const {
    return !recurrent.layers.empty() && recurrent.layers[layer] != 0;
  }
  bool attends(size_t layer) const { return !is_recurrent(layer) || recurrent.state_space; }
  /** From one query head to the next. */
  uint32_t query_stride() const { return gated_attention ? 2 * head_dim : head_dim; }
};

} // namespace bitnet
