// Products of neurons with SMMLA for batches and SDOT for few tokens: see neuron_smmla.h,
// neuron_sdot.h.
#include "../cpu_features.h"
#include "neuron_smmla.h"

namespace bitnet {
namespace {

// Instructions for 64 weights and a token, with loads and loops: of rows 7 3/4 in panels of four,
// or 3 1/2 + 16/n of unpacking; of columns 5 3/4 + 10/n of interleaving, or 3 1/2 + 24/n.
constexpr size_t kUnpackFrom = 5;

void rows(const NeuronProduct& p, size_t begin, size_t end) {
  return p.n < kUnpackFrom ? rows_times_few(p, begin, end)
                           : rows_times_many<ManySmmla>(p, begin, end);
}

void columns(const NeuronProduct& p, size_t begin, size_t end) {
  return p.n < kUnpackFrom ? columns_times_few(p, begin, end)
                           : columns_times_many<ManySmmla>(p, begin, end);
}

} // namespace

extern const NeuronKernel kNeuronsNeonI8mm;
const NeuronKernel kNeuronsNeonI8mm = {
    .family = "mad2",
    .isa = "neoni8mm",
    .features = kCpuNeon | kCpuNeonDot | kCpuNeonI8mm,
    .block = kNeuronTrits,
    .break_even = 0.4,
    .neuron_bytes = neuron_bytes,
    .scratch_bytes = ManySmmla::scratch_bytes,
    .pack_up = pack_row,
    .up_some = dot<dot_one>,
    .up_all = rows,
    .pack_down = pack_columns_flipped,
    .find_active = find_active,
    .down_some = accumulate<add_active>,
    .down_step = column_step,
    .down_all = columns,
};

} // namespace bitnet
