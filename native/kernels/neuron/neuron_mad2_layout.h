// The packed layouts of neuron kernels that keep four trits in a byte, one neuron after the other.
// Anonymous on purpose, like mad2_layout.h.
//
// Each 32 bytes hold 128 trits of a neuron as codes c = t + 1 in {0, 1, 2}. Byte j, field f (bits
// 2 f and 2 f + 1) of block b is the trit at position
//
//   row neurons      128 b + 32 f + j                                    (an input feature)
//   column neurons   128 b + 32 m + 8 f + 4 L + e,  j = 16 L + 4 m + e   (an output feature)
//
// A row neuron is multiplied with vectors of activations: its fields are 32 neighbors each. Column
// neurons are multiplied four at a time: interleaving their bytes (twice VPUNPCK, which works
// within
// 128-bit lanes L) gives four vectors m whose 32-bit lanes 4 L + e are neighboring output features
// with the codes of the four neurons, as products of four bytes want them. The positions above undo
// the order.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "neuron_packers.h"

namespace bitnet {
namespace {

constexpr size_t kNeuronBytes = 32, kNeuronTrits = 128; // a block
constexpr size_t kNeuronFields = 4;                     // trits in one byte

inline size_t neuron_bytes(size_t width) {
  return (width + kNeuronTrits - 1) / kNeuronTrits * kNeuronBytes;
}

inline size_t row_position(size_t j, size_t f) {
  return 32 * f + j;
}

inline size_t column_position(size_t j, size_t f) {
  return 32 * (j / 4 % 4) + 8 * f + 4 * (j / 16) + j % 4;
}

/** bytes[i] holds the codes c[0][i] to c[3][i], the first in the lowest bits. */
inline void field_bytes(const uint8_t* const c[kNeuronFields], size_t count, uint8_t* bytes) {
  for (size_t i = 0; i < count; i++)
    bytes[i] = static_cast<uint8_t>(c[0][i] | c[1][i] << 2 | c[2][i] << 4 | c[3][i] << 6);
}

struct NeuronLayout {
  static constexpr size_t kBytes = kNeuronBytes, kTrits = kNeuronTrits, kFields = kNeuronFields;
  static size_t row_position(size_t j, size_t f) { return bitnet::row_position(j, f); }
  static size_t column_position(size_t j, size_t f) { return bitnet::column_position(j, f); }
  static void encode(const uint8_t* const c[kFields], size_t count, uint8_t* bytes) {
    field_bytes(c, count, bytes);
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
