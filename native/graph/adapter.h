// A LoRA adapter (Hu et al. 2021): low-rank matrices beside the linear layers of a model.
#pragma once
#include <stdint.h>

#include <vector>

#include "../common/aligned_buffer.h"
#include "linear.h"
#include "weights.h"

namespace bitnet {

/** What is added to a linear layer's result: B (factor A x), x its input in floats. */
struct LowRank {
  Linear a;                   // [rank, cols] in DenseRows; of an embedding [vocab_size, rank]
  const uint8_t* b = nullptr; // [rows, rank] in tiles of Expansion
  bool half = false;          // whether B is f16, and not f32
  size_t rank = 0;            // 0: nothing is added
  double factor = 1;
  size_t at = 0; // where A x stands among those of the layers that share x
};

/** Immutable once it is loaded; shared by the sequences that use it. */
struct Adapter {
  /** Of its matrices, however often they are loaded: with the scale, what keys and values depend on. */
  uint64_t id = 0;
  std::vector<LowRank> layers; // by Linear::slot
  LowRank embedding;           // A[token] takes the place of A x
  size_t shrunk_width = 0;     // room for every A x of layers that share x
  AlignedBuffer data;          // holds the matrices

  uint64_t bytes() const { return data.size() + layers.size() * sizeof(LowRank); }
};

/** The layers that adapters can be beside, in this order for each layer of the model. */
constexpr Linear LayerWeights::*const kAdapted[] = {
    &LayerWeights::q,    &LayerWeights::k,  &LayerWeights::v,   &LayerWeights::o,
    &LayerWeights::gate, &LayerWeights::up, &LayerWeights::down};
constexpr size_t kAdaptedLayers = sizeof kAdapted / sizeof *kAdapted;

/** Gives each of them, unless what enters it is normed for it alone or rotated, its slot. */
void number_adapted(Weights& weights);

/** The same layer, or null where adapters cannot be. */
const Linear* adapted_layer(const Weights& weights, size_t slot);

/** An adapter of a sequence, and how much of it. */
struct AppliedAdapter {
  const Adapter* adapter;
  double scale;

  bool operator==(const AppliedAdapter& other) const {
    return adapter == other.adapter && scale == other.scale;
  }
};

/** Rows of a step that use an adapter to the same extent; those of one row are in its order. */
struct AdapterRows {
  AppliedAdapter applied;
  RowRange rows;
  size_t at; // where its A x stand in ws.shrunk
};

} // namespace bitnet
