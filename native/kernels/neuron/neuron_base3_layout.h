// The packed layouts of neuron kernels that keep five trits in a byte, as base3_layout.h draws, one
// neuron after the other. Anonymous on purpose, like mad2_layout.h.
//
// Each 64 bytes hold 320 trits of a neuron. Byte j, digit f of block b is the trit at position
//
//   row neurons      320 b + 64 f + j                                     (an input feature)
//   column neurons   320 b + 80 m + 16 f + 4 L + e,  j = 16 L + 4 m + e   (an output feature)
//
// A row neuron is multiplied with vectors of activations: its fields are 64 neighbors each. Column
// neurons are multiplied four at a time: interleaving their bytes (twice VPUNPCK, which works
// within
// 128-bit lanes L) gives four vectors m whose 32-bit lanes 4 L + e are neighboring output features
// with the trits of the four neurons, as VPDPBUSD wants them. The positions above undo the order.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "../ternary/base3_layout.h"
#include "neuron_packers.h"

namespace bitnet {
namespace {

constexpr size_t kNeuronBytes = 64, kNeuronTrits = 320; // a block

inline size_t neuron_bytes(size_t width) {
  return (width + kNeuronTrits - 1) / kNeuronTrits * kNeuronBytes;
}

inline size_t row_position(size_t j, size_t f) {
  return 64 * f + j;
}

inline size_t column_position(size_t j, size_t f) {
  return 80 * (j / 4 % 4) + 16 * f + 4 * (j / 16) + j % 4;
}

struct NeuronLayout {
  static constexpr size_t kBytes = kNeuronBytes, kTrits = kNeuronTrits, kFields = kBase3Fields;
  static size_t row_position(size_t j, size_t f) { return bitnet::row_position(j, f); }
  static size_t column_position(size_t j, size_t f) { return bitnet::column_position(j, f); }
  static void encode(const uint8_t* const c[kFields], size_t count, uint8_t* bytes) {
    base3_bytes(c, count, bytes);
  }
};

inline void pack_row(const uint8_t* codes, size_t width, uint8_t* neuron) {
  pack_row_neuron<NeuronLayout>(codes, neuron_bytes(width), neuron);
}

inline void pack_columns(const uint8_t* codes /* [kNeuronTrits, count] */, size_t count, size_t row,
                         uint8_t* neurons, size_t neuron_stride) {
  pack_column_neurons<NeuronLayout>(codes, count, row, neurons, neuron_stride);
}

} // namespace
} // namespace bitnet
