// Ternary product with SMLAL on 128-bit registers, for ARM CPUs without SDOT; overflow-proof in
// int16.
//
// SMLAL adds one product s8 x s8 to an int16. With |q| <= 127 and codes up to 2 it is at most 254,
// in field 1, which is left in place as 4c, 1016: 32 of them fit (32,512), then comes int32.
//
// Eight SMLAL for 64 weights and a token are the bound: these CPUs start one a cycle, and what else
// a token needs (7 to 9 instructions) fits beside them. So batches take two tokens at a time from
// the packed bytes; an unpacked copy, as the kernels with SDOT make, would save nothing.
#include "ternary.h"

#include <arm_neon.h>
#include <string.h>

#include "../cpu_features.h"
#include "mad2_layout.h"
#include "smlal.h"

namespace bitnet {
namespace {

/** Four activations of one token in every int32 lane. */
inline int8x16_t broadcast4(const int8_t* q) {
  int32_t group;
  memcpy(&group, q, sizeof group);
  return vreinterpretq_s8_s32(vdupq_n_s32(group));
}

inline void add_to(int32_t* out, int32x4_t sum) {
  vst1q_s32(out, vaddq_s32(vld1q_s32(out), sum));
}

/** Tokens of one call and where they stand. */
struct Panel {
  const int8_t* q; // [tokens, q_stride], at the first column
  size_t q_stride;
  int32_t* out; // [tokens, out_stride], at the first row; the result is added
  size_t out_stride;
};

constexpr size_t kBlock = 128; // columns: 32 groups, as field 1 allows

/**
 * 4 kRegisters lanes of all fields times kTokens tokens, at most kBlock columns: 16 accumulators
 * for <1, 2> and <2, 1>. A register of 64 weights costs a load, 3 AND, 2 shifts, and for each
 * token 8 SMLAL and a broadcast, which two registers share.
 */
template <int kTokens, int kRegisters>
void lanes_times_tokens(const uint8_t* bytes, size_t cols, const Panel& p) {
  const uint8x16_t f0 = vdupq_n_u8(0x03), f1 = vdupq_n_u8(0x0c);
  Pair sum[kTokens][kRegisters][4];
  for (int i = 0; i < kTokens; i++)
    for (int r = 0; r < kRegisters; r++)
      for (Pair& s : sum[i][r])
        s = {vdupq_n_s16(0), vdupq_n_s16(0)};
  for (size_t k = 0; k < cols; k += 4, bytes += kMad2Group) {
    int8x16_t a[kTokens];
    for (int i = 0; i < kTokens; i++)
      a[i] = broadcast4(p.q + i * p.q_stride + k);
#pragma GCC unroll 2
    for (int r = 0; r < kRegisters; r++) {
      const uint8x16_t w = vld1q_u8(bytes + 16 * r);
      const uint8x16_t field[4] = {vandq_u8(w, f0), vandq_u8(w, f1), vandq_u8(vshrq_n_u8(w, 4), f0),
                                   vshrq_n_u8(w, 6)};
#pragma GCC unroll 2
      for (int i = 0; i < kTokens; i++)
        for (int f = 0; f < 4; f++)
          multiply_add(sum[i][r][f], vreinterpretq_s8_u8(field[f]), a[i]);
    }
  }
  for (int i = 0; i < kTokens; i++)
    for (int r = 0; r < kRegisters; r++)
      for (int f = 0; f < 4; f++) {
        const int32x4_t rows = widen(sum[i][r][f]);
        add_to(p.out + i * p.out_stride + 16 * f + 4 * r, f == 1 ? vshrq_n_s32(rows, 2) : rows);
      }
}

/** One tile times one or two tokens: in blocks that are still in L1 for the other lanes. */
template <int kTokens> void tile_times_tokens(const uint8_t* tile, size_t cols, const Panel& p) {
  constexpr int kRegisters = 2 / kTokens;
  for (size_t k = 0; k < cols; k += kBlock)
    for (int r = 0; r < 4; r += kRegisters)
      lanes_times_tokens<kTokens, kRegisters>(tile + mad2_tile_bytes(k) + 16 * r,
                                              cols - k < kBlock ? cols - k : kBlock,
                                              {p.q + k, p.q_stride, p.out + 4 * r, p.out_stride});
}

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * mad2_tile_bytes(p.cols);
    int32_t* out = p.out + (row - row_begin);
    for (size_t i = 0; i < p.n; i++)
      for (size_t r = 0; r < kMad2Rows; r += 4)
        vst1q_s32(out + i * p.out_stride + r, vdupq_n_s32(-p.q_sum[i]));
    for (size_t i = 0; i < p.n; i += 2) {
      const Panel panel = {p.q + i * p.q_stride, p.q_stride, out + i * p.out_stride, p.out_stride};
      if (i + 1 < p.n)
        tile_times_tokens<2>(tile, p.cols, panel);
      else
        tile_times_tokens<1>(tile, p.cols, panel);
    }
  }
}

} // namespace

extern const TernaryKernel kMad2Neon;
const TernaryKernel kMad2Neon = {
    .family = "mad2",
    .isa = "neon",
    .features = kCpuNeon,
    .tile_rows = kMad2Rows,
    .tile_cols = kMad2Cols,
    .tile_bytes = mad2_tile_bytes,
    .pack_tile = mad2_pack_tile,
    .unpack_tile = mad2_unpack_tile,
    .scratch_bytes = mad2_no_scratch,
    .product = product,
};

} // namespace bitnet
