// Products of neurons in plain C++: the layouts of neuron_base3_layout.h, one digit at a time.
#include "neuron.h"

#include "neuron_base3_layout.h"

namespace bitnet {
namespace {

/** Digit f of a byte: see base3_layout.h. */
int32_t digit(uint8_t byte, size_t f) {
  unsigned q = byte;
  for (; f > 0; f--)
    q = 3 * q & 255;
  return static_cast<int32_t>(3 * q >> 8);
}

int32_t row_times(const uint8_t* neuron, size_t width, const int8_t* q, int32_t q_sum) {
  int32_t sum = -q_sum;
  for (size_t block = 0; block < neuron_bytes(width); block += kNeuronBytes, q += kNeuronTrits)
    for (size_t j = 0; j < kNeuronBytes; j++)
      for (size_t f = 0; f < kBase3Fields; f++)
        sum += digit(neuron[block + j], f) * q[row_position(j, f)];
  return sum;
}

void dot(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count, const int8_t* q,
         int32_t q_sum, int32_t* out) {
  for (size_t i = 0; i < count; i++)
    out[i] =
        row_times(neurons + static_cast<size_t>(ids[i]) * neuron_bytes(width), width, q, q_sum);
}

void rows(const NeuronProduct& p, size_t begin, size_t end) {
  for (size_t i = 0; i < p.n; i++)
    for (size_t r = begin; r < end; r++)
      p.out[i * p.out_stride + (r - begin)] =
          row_times(p.neurons + r * p.neuron_bytes, p.width, p.q + i * p.q_stride, p.q_sum[i]);
}

size_t find_active(const int8_t* q, size_t count, int32_t* ids) {
  size_t active = 0;
  for (size_t i = 0; i < count; i++)
    if (q[i] != 0)
      ids[active++] = static_cast<int32_t>(i);
  return active;
}

/** acc[r] += c[r] q for the blocks [first, last) of one neuron; acc begins at the first. */
void add_neuron(const uint8_t* neuron, size_t first, size_t last, int32_t q, int32_t* acc) {
  for (size_t block = first; block < last; block++, acc += kNeuronTrits)
    for (size_t j = 0; j < kNeuronBytes; j++)
      for (size_t f = 0; f < kBase3Fields; f++)
        acc[column_position(j, f)] += digit(neuron[block * kNeuronBytes + j], f) * q;
}

void accumulate(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count,
                const int8_t* q, int32_t* acc) {
  for (size_t i = 0; i < count; i++) {
    const size_t id = static_cast<size_t>(ids[i]);
    add_neuron(neurons + id * neuron_bytes(width), 0, neuron_bytes(width) / kNeuronBytes, q[id],
               acc);
  }
}

void columns(const NeuronProduct& p, size_t begin, size_t end) {
  for (size_t i = 0; i < p.n; i++) {
    int32_t* out = p.out + i * p.out_stride;
    for (size_t r = 0; r < end - begin; r++)
      out[r] = -p.q_sum[i];
    for (size_t neuron = 0; neuron < p.count; neuron++)
      if (p.q[i * p.q_stride + neuron] != 0)
        add_neuron(p.neurons + neuron * p.neuron_bytes, begin / kNeuronTrits, end / kNeuronTrits,
                   p.q[i * p.q_stride + neuron], out);
  }
}

size_t column_step(size_t) {
  return kNeuronTrits;
}

size_t no_scratch(size_t) {
  return 0;
}

} // namespace

extern const NeuronKernel kNeuronsScalar;
const NeuronKernel kNeuronsScalar = {
    .family = "base3",
    .isa = "scalar",
    .features = 0,
    .block = kNeuronTrits,
    .break_even = 0.2,
    .neuron_bytes = neuron_bytes,
    .scratch_bytes = no_scratch,
    .pack_up = pack_row,
    .up_some = dot,
    .up_all = rows,
    .pack_down = pack_columns,
    .find_active = find_active,
    .down_some = accumulate,
    .down_step = column_step,
    .down_all = columns,
};

} // namespace bitnet
