// Packers of units for the layouts of units_base3_layout.h and units_mad2_layout.h, which say what
// differs: a Layout has kBytes and kTrits of a block, kFields trits in a byte and what encode()
// makes of them, and the positions of byte j, field f. Anonymous, like the layouts.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {
namespace {

template <class Layout>
inline void pack_row_unit(const uint8_t* codes, size_t unit_bytes, uint8_t* unit) {
  for (size_t block = 0; block < unit_bytes; block += Layout::kBytes, codes += Layout::kTrits) {
    const uint8_t* c[Layout::kFields];
    for (size_t f = 0; f < Layout::kFields; f++)
      c[f] = codes + Layout::row_position(0, f);
    Layout::encode(c, Layout::kBytes, unit + block);
  }
}

// Units packed together: their codes are neighbours, their bytes are not.
constexpr size_t kPackUnits = 64;

template <class Layout>
inline void pack_column_units(const uint8_t* codes /* [kTrits, count] */, size_t count, size_t row,
                              uint8_t* units, size_t unit_stride) {
  uint8_t bytes[Layout::kBytes][kPackUnits];
  for (size_t first = 0; first < count; first += kPackUnits) {
    const size_t some = count - first < kPackUnits ? count - first : kPackUnits;
    for (size_t j = 0; j < Layout::kBytes; j++) {
      const uint8_t* c[Layout::kFields];
      for (size_t f = 0; f < Layout::kFields; f++)
        c[f] = codes + Layout::column_position(j, f) * count + first;
      Layout::encode(c, some, bytes[j]);
    }
    for (size_t unit = 0; unit < some; unit++) {
      uint8_t* block = units + (first + unit) * unit_stride + row / Layout::kTrits * Layout::kBytes;
      for (size_t j = 0; j < Layout::kBytes; j++)
        block[j] = bytes[j][unit];
    }
  }
}

} // namespace
} // namespace bitnet
