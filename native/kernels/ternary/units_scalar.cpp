// Products of units in plain C++: the layouts of units_base3_layout.h, one digit at a time.
#include "ternary.h"

#include "units_base3_layout.h"

namespace bitnet {
namespace {

/** Digit f of a byte: see base3_layout.h. */
int32_t digit(uint8_t byte, size_t f) {
  unsigned q = byte;
  for (; f > 0; f--)
    q = 3 * q & 255;
  return static_cast<int32_t>(3 * q >> 8);
}

int32_t row_times(const uint8_t* unit, size_t width, const int8_t* q, int32_t q_sum) {
  int32_t sum = -q_sum;
  for (size_t block = 0; block < unit_bytes(width); block += kUnitBytes, q += kUnitTrits)
    for (size_t j = 0; j < kUnitBytes; j++)
      for (size_t f = 0; f < kBase3Fields; f++)
        sum += digit(unit[block + j], f) * q[row_position(j, f)];
  return sum;
}

void dot(const uint8_t* units, size_t width, const int32_t* ids, size_t count, const int8_t* q,
         int32_t q_sum, int32_t* out) {
  for (size_t i = 0; i < count; i++)
    out[i] = row_times(units + static_cast<size_t>(ids[i]) * unit_bytes(width), width, q, q_sum);
}

void rows(const UnitProduct& p, size_t begin, size_t end) {
  for (size_t i = 0; i < p.n; i++)
    for (size_t r = begin; r < end; r++)
      p.out[i * p.out_stride + (r - begin)] =
          row_times(p.units + r * p.unit_bytes, p.width, p.q + i * p.q_stride, p.q_sum[i]);
}

size_t find_live(const int8_t* q, size_t count, int32_t* ids) {
  size_t live = 0;
  for (size_t i = 0; i < count; i++)
    if (q[i] != 0)
      ids[live++] = static_cast<int32_t>(i);
  return live;
}

/** acc[r] += c[r] q for the blocks [first, last) of one unit; acc begins at the first. */
void add_unit(const uint8_t* unit, size_t first, size_t last, int32_t q, int32_t* acc) {
  for (size_t block = first; block < last; block++, acc += kUnitTrits)
    for (size_t j = 0; j < kUnitBytes; j++)
      for (size_t f = 0; f < kBase3Fields; f++)
        acc[column_position(j, f)] += digit(unit[block * kUnitBytes + j], f) * q;
}

void accumulate(const uint8_t* units, size_t width, const int32_t* ids, size_t count,
                const int8_t* q, int32_t* acc) {
  for (size_t i = 0; i < count; i++) {
    const size_t id = static_cast<size_t>(ids[i]);
    add_unit(units + id * unit_bytes(width), 0, unit_bytes(width) / kUnitBytes, q[id], acc);
  }
}

void columns(const UnitProduct& p, size_t begin, size_t end) {
  for (size_t i = 0; i < p.n; i++) {
    int32_t* out = p.out + i * p.out_stride;
    for (size_t r = 0; r < end - begin; r++)
      out[r] = -p.q_sum[i];
    for (size_t unit = 0; unit < p.count; unit++)
      if (p.q[i * p.q_stride + unit] != 0)
        add_unit(p.units + unit * p.unit_bytes, begin / kUnitTrits, end / kUnitTrits,
                 p.q[i * p.q_stride + unit], out);
  }
}

size_t column_step(size_t) {
  return kUnitTrits;
}

size_t no_scratch(size_t) {
  return 0;
}

} // namespace

extern const UnitKernel kUnitsScalar;
const UnitKernel kUnitsScalar = {
    .family = "base3",
    .isa = "scalar",
    .features = 0,
    .block = kUnitTrits,
    .pays_from = 0.2,
    .unit_bytes = unit_bytes,
    .scratch_bytes = no_scratch,
    .pack_row = pack_row,
    .dot = dot,
    .rows = rows,
    .pack_columns = pack_columns,
    .find_live = find_live,
    .accumulate = accumulate,
    .column_step = column_step,
    .columns = columns,
};

} // namespace bitnet
