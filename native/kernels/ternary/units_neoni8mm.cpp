// Products of units with SMMLA for batches and SDOT for few tokens: see units_smmla.h,
// units_sdot.h.
#include "../cpu_features.h"
#include "units_smmla.h"

namespace bitnet {
namespace {

// Instructions for 64 weights and a token, with loads and loops: of rows 7 3/4 in panels of four,
// or 3 1/2 + 16/n of unpacking; of columns 5 3/4 + 10/n of interleaving, or 3 1/2 + 24/n.
constexpr size_t kUnpackFrom = 5;

void rows(const UnitProduct& p, size_t begin, size_t end) {
  return p.n < kUnpackFrom ? rows_times_few(p, begin, end)
                           : rows_times_many<ManySmmla>(p, begin, end);
}

void columns(const UnitProduct& p, size_t begin, size_t end) {
  return p.n < kUnpackFrom ? columns_times_few(p, begin, end)
                           : columns_times_many<ManySmmla>(p, begin, end);
}

} // namespace

extern const UnitKernel kUnitsNeonI8mm;
const UnitKernel kUnitsNeonI8mm = {
    .family = "mad2",
    .isa = "neoni8mm",
    .features = kCpuNeon | kCpuNeonDot | kCpuNeonI8mm,
    .block = kUnitTrits,
    .pays_from = 0.4,
    .unit_bytes = unit_bytes,
    .scratch_bytes = ManySmmla::scratch_bytes,
    .pack_row = pack_row,
    .dot = dot<dot_one>,
    .rows = rows,
    .pack_columns = pack_columns_flipped,
    .find_live = find_live,
    .accumulate = accumulate<add_live>,
    .column_step = column_step,
    .columns = columns,
};

} // namespace bitnet
