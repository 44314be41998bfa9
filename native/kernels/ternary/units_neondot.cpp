// Products of units with SDOT on 128-bit registers: layouts and loops are in units_sdot.h.
#include "../cpu_features.h"
#include "units_sdot.h"

namespace bitnet {
namespace {

// Instructions on vectors for 64 weights and a token of rows: 4 SDOT + 6/4 of extraction in panels
// of four, or 4 SDOT + 12/n of unpacking.
constexpr size_t kUnpackRowsFrom = 8;

// And of columns: 4 SDOT + 3/4 AND + 3/n of interleaving, or 4 SDOT + 12/n.
constexpr size_t kUnpackColumnsFrom = 13;

void rows(const UnitProduct& p, size_t begin, size_t end) {
  return p.n < kUnpackRowsFrom ? rows_times_few(p, begin, end)
                               : rows_times_many<ManySdot>(p, begin, end);
}

void columns(const UnitProduct& p, size_t begin, size_t end) {
  return p.n < kUnpackColumnsFrom ? columns_times_few(p, begin, end)
                                  : columns_times_many<ManySdot>(p, begin, end);
}

} // namespace

extern const UnitKernel kUnitsNeonDot;
const UnitKernel kUnitsNeonDot = {
    .family = "mad2",
    .isa = "neondot",
    .features = kCpuNeon | kCpuNeonDot,
    .block = kUnitTrits,
    .pays_from = 0.4,
    .unit_bytes = unit_bytes,
    .scratch_bytes = ManySdot::scratch_bytes,
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
