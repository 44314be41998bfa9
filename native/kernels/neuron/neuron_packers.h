// Packers of neurons for the layouts of neuron_base3_layout.h and neuron_mad2_layout.h, which say
// what differs: a Layout has kBytes and kTrits of a block, kFields trits in a byte and what
// encode() makes of them, and the positions of byte j, field f. Anonymous, like the layouts.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {
namespace {

template <class Layout>
inline void pack_row_neuron(const uint8_t* codes, size_t neuron_bytes, uint8_t* neuron) {
  for (size_t block = 0; block < neuron_bytes; block += Layout::kBytes, codes += Layout::kTrits) {
    const uint8_t* c[Layout::kFields];
    for (size_t f = 0; f < Layout::kFields; f++)
      c[f] = codes + Layout::row_position(0, f);
    Layout::encode(c, Layout::kBytes, neuron + block);
  }
}

// Neurons packed together: their codes are neighbors, their bytes are not.
constexpr size_t kPackNeurons = 64;

template <class Layout>
inline void pack_column_neurons(const uint8_t* codes /* [kTrits, count] */, size_t count,
                                size_t row, uint8_t* neurons, size_t neuron_stride) {
  uint8_t bytes[Layout::kBytes][kPackNeurons];
  for (size_t first = 0; first < count; first += kPackNeurons) {
    const size_t some = count - first < kPackNeurons ? count - first : kPackNeurons;
    for (size_t j = 0; j < Layout::kBytes; j++) {
      const uint8_t* c[Layout::kFields];
      for (size_t f = 0; f < Layout::kFields; f++)
        c[f] = codes + Layout::column_position(j, f) * count + first;
      Layout::encode(c, some, bytes[j]);
    }
    for (size_t neuron = 0; neuron < some; neuron++) {
      uint8_t* block =
          neurons + (first + neuron) * neuron_stride + row / Layout::kTrits * Layout::kBytes;
      for (size_t j = 0; j < Layout::kBytes; j++)
        block[j] = bytes[j][neuron];
    }
  }
}

} // namespace
} // namespace bitnet
