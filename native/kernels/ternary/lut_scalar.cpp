// Ternary product of the lut layout in plain C++: looks the sum of three activations up as the
// vector kernels do, in tables of int16, without their split into parts.
#include "ternary.h"

#include "lut_tables.h"

namespace bitnet {
namespace {

constexpr size_t kEntries = 16; // of int16: as many bytes as a table of two parts

void build_tables(const int8_t* q, size_t cols, LutParts*, uint8_t* tables, size_t units) {
  int16_t* table = reinterpret_cast<int16_t*>(tables);
  for (size_t k = 0; k < units * kLutUnitCols; k += 3, table += kEntries) {
    int a[3];
    for (size_t i = 0; i < 3; i++)
      a[i] = k + i < cols ? q[k + i] : 0;
    for (int size = 0; size <= 13; size++) {
      const int v = size + 13;
      table[size + 1] =
          static_cast<int16_t>((v / 9 - 1) * a[0] + (v / 3 % 3 - 1) * a[1] + (v % 3 - 1) * a[2]);
    }
  }
}

void tile_times_token(const uint8_t* bytes, size_t units, const uint8_t* tables, bool first,
                      int32_t* out) {
  for (size_t row = 0; row < kLutRows; row++) {
    const uint8_t* byte = bytes + lut_byte(row);
    const int16_t* table = reinterpret_cast<const int16_t*>(tables);
    int32_t sum = first ? 0 : out[row];
    for (size_t u = 0; u < units; u++, byte += kLutUnitBytes)
      for (size_t j = 0; j < kLutTriples; j++, table += kEntries) {
        const int triple = lut_triple(byte, j);
        sum += triple < 0 ? -table[1 - triple] : table[1 + triple];
      }
    out[row] = sum;
  }
}

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  lut_product(p, row_begin, row_end, build_tables, tile_times_token);
}

} // namespace

extern const TernaryKernel kLutScalar;
const TernaryKernel kLutScalar = {
    .family = "lut",
    .isa = "scalar",
    .features = 0,
    .tile_rows = kLutRows,
    .tile_cols = kLutCols,
    .tile_bytes = lut_tile_bytes,
    .pack_tile = lut_pack_tile,
    .unpack_tile = lut_unpack_tile,
    .scratch_bytes = lut_scratch_bytes,
    .product = product,
};

} // namespace bitnet
