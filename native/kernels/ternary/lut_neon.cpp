// Ternary product by table lookup with TBL on 128-bit registers, for ARM CPUs without SDOT: a sixth
// less to read than mad2, and no multiplication.
//
// TBL runs on both vector pipes of these CPUs (Cortex-A72: two a cycle), SMLAL on one. There is no
// VPSIGNB: where T < 0 all bits of an entry v are flipped, which makes -v - 1, and the number of
// such triples of a row, counted from the sign bits of a whole unit at once, is added back.
#include "ternary.h"

#include <arm_neon.h>

#include "../cpu_features.h"
#include "lut_tables.h"

namespace bitnet {
namespace {

/** Both parts of `cols` activations (a multiple of 64), followed by zeros. */
void split(const int8_t* q, size_t cols, LutParts* parts) {
  for (size_t k = 0; k < cols; k += 16) {
    const int8x16_t a = vld1q_s8(q + k), high = vrshrq_n_s8(a, 4); // rounds, and cannot overflow
    vst1q_s8(parts->high + k, high);
    vst1q_s8(parts->low + k, vsubq_s8(a, vshlq_n_s8(high, 4)));
  }
  for (size_t k = cols; k < cols + 32; k += 16) {
    vst1q_s8(parts->high + k, vdupq_n_s8(0));
    vst1q_s8(parts->low + k, vdupq_n_s8(0));
  }
}

/** 14 sums of three of the activations a0 .. a5; TBL gives zero where there is no digit. */
inline int8x16_t sums_of(int8x16_t signs, const uint8_t take[3][32]) {
  return vaddq_s8(
      vaddq_s8(vqtbl1q_s8(signs, vld1q_u8(take[0])), vqtbl1q_s8(signs, vld1q_u8(take[1]))),
      vqtbl1q_s8(signs, vld1q_u8(take[2])));
}

void build_tables(const int8_t* q, size_t cols, LutParts* parts, uint8_t* tables, size_t units) {
  split(q, cols, parts);
  int8_t* to = reinterpret_cast<int8_t*>(tables);
  for (size_t k = 0; k < units * kLutUnitCols; k += 6, to += 2 * kLutTableBytes)
    for (int part = 0; part < 2; part++) {
      const int8x8_t a = vld1_s8((part ? parts->high : parts->low) + k);
      const int8x16_t signs = vcombine_s8(a, vneg_s8(a));
      vst1q_s8(to + 16 * part, sums_of(signs, kLutDigits.take[0]));
      vst1q_s8(to + 16 * part + kLutTableBytes, sums_of(signs, kLutDigits.take[1]));
    }
}

/** Keeps a chain of additions as it is written: GCC would reorder it and spill what waits. */
template <class Vector> inline void settle(Vector& sum) {
#if defined(__GNUC__)
  __asm__("" : "+w"(sum));
#else
  (void)sum;
#endif
}

/** 16-bit sums of bytes: see lut_tables.h. */
struct Sums {
  uint16x8_t all, odd;
};

inline void add_bytes(Sums& s, uint8x16_t bytes) {
  s.all = vaddq_u16(s.all, vreinterpretq_u16_u8(bytes));
  s.odd = vsraq_n_u16(s.odd, vreinterpretq_u16_u8(bytes), 8);
  settle(s.all);
  settle(s.odd);
}

/** What 16 rows have gathered in a chunk. */
struct Rows {
  Sums low, high, negative;
};

/**
 * kUnits units of 32 rows times one token. For 16 rows, a triple (48 weights) takes 2 TBL, 2 EOR, 2
 * ADD, 1 for its index, 1.8 for its sign, 0.4 for the count of signs and 0.8 for the 16-bit sums.
 */
template <size_t kUnits>
inline void add_units(const uint8_t* bytes, const uint8_t* tables, Rows rows[2]) {
  const uint8x16_t start = vdupq_n_u8(kLutStart), nibble = vdupq_n_u8(15);
  uint8x16_t low[2] = {start, start}, high[2] = {start, start};
  uint8x16_t negative[2] = {vdupq_n_u8(0), vdupq_n_u8(0)};
#pragma GCC unroll 5
  for (size_t u = 0; u < kUnits; u++, bytes += kLutUnitBytes) {
    uint8x16_t sign[2] = {start, start};
#pragma GCC unroll 8
    for (size_t j = 0; j < kLutTriples; j++, tables += kLutTableBytes) {
      const uint8x16_t low_table = vld1q_u8(tables), high_table = vld1q_u8(tables + 16);
      const size_t done = u * kLutTriples + j + 1;
#pragma GCC unroll 2
      for (int r = 0; r < 2; r++) {
        const uint8x16_t vector = vld1q_u8(bytes + kLutPlaces[j].vector * kLutRows + 16 * r);
        const uint8x16_t index =
            kLutPlaces[j].shift ? vshrq_n_u8(vector, 4) : vandq_u8(vector, nibble);
        sign[r] = j % 4 == 0 ? vector : vaddq_u8(sign[r], sign[r]);
        const uint8x16_t flip = vcltzq_s8(vreinterpretq_s8_u8(sign[r]));
        low[r] = vaddq_u8(low[r], veorq_u8(vqtbl1q_u8(low_table, index), flip));
        high[r] = vaddq_u8(high[r], veorq_u8(vqtbl1q_u8(high_table, index), flip));
        settle(low[r]);
        settle(high[r]);
        if (done % kLutFit == 0 || done == kUnits * kLutTriples) {
          add_bytes(rows[r].low, low[r]);
          add_bytes(rows[r].high, high[r]);
          low[r] = high[r] = start;
        }
      }
    }
#pragma GCC unroll 2
    for (int r = 0; r < 2; r++) { // the four sign bits of vector 0 and, below them, those of 3
      const uint8x16_t signs =
          vsriq_n_u8(vld1q_u8(bytes + 16 * r), vld1q_u8(bytes + 3 * kLutRows + 16 * r), 4);
      negative[r] = vaddq_u8(negative[r], vcntq_u8(signs));
      settle(negative[r]);
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < 2; r++)
    add_bytes(rows[r].negative, negative[r]);
}

/**
 * Four rows: low + 16 high + 17 negative. Flipped entries are in -25..23, so that a sum of five
 * still fits a byte, and one flip more is 24 again: high + negative fits 16 bits as high does.
 */
inline void store_rows(uint16x4_t low, uint16x4_t high, uint16x4_t negative, int32_t bias,
                       bool first, int32_t* out) {
  const uint32x4_t bytes = vmlal_n_u16(vaddl_u16(low, negative), vadd_u16(high, negative), 16);
  const int32x4_t before = first ? vdupq_n_s32(0) : vld1q_s32(out);
  vst1q_s32(out, vaddq_s32(before, vsubq_s32(vreinterpretq_s32_u32(bytes), vdupq_n_s32(bias))));
}

inline void store_rows(uint16x8_t low, uint16x8_t high, uint16x8_t negative, int32_t bias,
                       bool first, int32_t* out) {
  store_rows(vget_low_u16(low), vget_low_u16(high), vget_low_u16(negative), bias, first, out);
  store_rows(vget_high_u16(low), vget_high_u16(high), vget_high_u16(negative), bias, first,
             out + 4);
}

inline uint16x8_t even(const Sums& s) {
  return vsubq_u16(s.all, vshlq_n_u16(s.odd, 8));
}

/** A tile's units of one chunk times one token. */
void tile_times_token(const uint8_t* bytes, size_t units, const uint8_t* tables, bool first,
                      int32_t* out) {
  const Sums none = {vdupq_n_u16(0), vdupq_n_u16(0)};
  Rows rows[2] = {{none, none, none}, {none, none, none}};
  size_t u = 0;
  for (; u + kLutStep <= units; u += kLutStep)
    add_units<kLutStep>(bytes + u * kLutUnitBytes, tables + u * kLutUnitTables, rows);
  for (; u < units; u++)
    add_units<1>(bytes + u * kLutUnitBytes, tables + u * kLutUnitTables, rows);
  const int32_t bias = lut_sums(units) * kLutStart * 17;
  for (int r = 0; r < 2; r++, out += 8) {
    store_rows(even(rows[r].low), even(rows[r].high), even(rows[r].negative), bias, first, out);
    store_rows(rows[r].low.odd, rows[r].high.odd, rows[r].negative.odd, bias, first, out + 16);
  }
}

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  lut_product(p, row_begin, row_end, build_tables, tile_times_token);
}

} // namespace

extern const TernaryKernel kLutNeon;
const TernaryKernel kLutNeon = {
    .family = "lut",
    .isa = "neon",
    .features = kCpuNeon,
    .tile_rows = kLutRows,
    .tile_cols = kLutCols,
    .tile_bytes = lut_tile_bytes,
    .pack_tile = lut_pack_tile,
    .unpack_tile = lut_unpack_tile,
    .scratch_bytes = lut_scratch_bytes,
    .product = product,
};

} // namespace bitnet
