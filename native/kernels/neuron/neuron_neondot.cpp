// Products of neurons with SDOT on 128-bit registers: layouts and loops are in neuron_sdot.h.
#include "../cpu_features.h"
#include "neuron_sdot.h"

namespace bitnet {
namespace {

// Instructions on vectors for 64 weights and a token of rows: 4 SDOT + 6/4 of extraction in panels
// of four, or 4 SDOT + 12/n of unpacking.
constexpr size_t kUnpackRowsFrom = 8;

// And of columns: 4 SDOT + 3/4 AND + 3/n of interleaving, or 4 SDOT + 12/n.
constexpr size_t kUnpackColumnsFrom = 13;

void rows(const NeuronProduct& p, size_t begin, size_t end) {
  return p.n < kUnpackRowsFrom ? rows_times_few(p, begin, end)
                               : rows_times_many<ManySdot>(p, begin, end);
}

void columns(const NeuronProduct& p, size_t begin, size_t end) {
  return p.n < kUnpackColumnsFrom ? columns_times_few(p, begin, end)
                                  : columns_times_many<ManySdot>(p, begin, end);
}

} // namespace

extern const NeuronKernel kNeuronsNeonDot;
const NeuronKernel kNeuronsNeonDot = {
    .family = "mad2",
    .isa = "neondot",
    .features = kCpuNeon | kCpuNeonDot,
    .block = kNeuronTrits,
    .break_even = 0.4,
    .neuron_bytes = neuron_bytes,
    .scratch_bytes = ManySdot::scratch_bytes,
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
