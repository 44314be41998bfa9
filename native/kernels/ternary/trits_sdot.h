// Many tokens with SDOT: packed bytes become plain trits once, then only multiply-adds remain.
// Shared by the NEON kernels of all layouts whose group of four columns is 16 lanes of four bytes.
// Anonymous, like the layouts.
#pragma once
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "ternary.h"

namespace bitnet {
namespace {

// Columns unpacked at a time: their trits, 16 or 20 kB, stay in an L1 cache of 32 kB while all
// tokens pass.
constexpr size_t kSdotPiece = 256;

/**
 * One to four tokens and where they stand. Four tokens times four registers of rows are 16
 * accumulators: enough for the latency of SDOT on four pipes, and weights, activations and masks
 * fit beside them in 32 registers.
 */
struct Panel {
  const int8_t* q; // [tokens, q_stride], at the first column
  size_t q_stride;
  int32_t* out; // [tokens, out_stride], at the first row; the result is added
  size_t out_stride;
};

inline void add_to(int32_t* out, int32x4_t sum) {
  vst1q_s32(out, vaddq_s32(vld1q_s32(out), sum));
}

inline void fill(int32_t* out, size_t rows, int32_t value) {
  for (size_t r = 0; r < rows; r += 4)
    vst1q_s32(out + r, vdupq_n_s32(value));
}

template <int kValue> struct Constant { static constexpr int value = kValue; };

/** Calls f(number of tokens as a constant, panel) for all tokens, at column k; splits 5 to 7. */
template <class F> inline void for_panels(const TernaryProduct& p, size_t k, int32_t* out, F f) {
  for (size_t i = 0; i < p.n;) {
    const size_t left = p.n - i, tokens = left <= 4 ? left : left < 8 ? (left + 1) / 2 : 4;
    const Panel panel = {p.q + i * p.q_stride + k, p.q_stride, out + i * p.out_stride,
                         p.out_stride};
    switch (tokens) {
    case 1:
      f(Constant<1>(), panel);
      break;
    case 2:
      f(Constant<2>(), panel);
      break;
    case 3:
      f(Constant<3>(), panel);
      break;
    default:
      f(Constant<4>(), panel);
      break;
    }
    i += tokens;
  }
}

/** Turns 16 packed bytes into one register of trits (-1, 0, 1) for each field. */
using Extract = void (*)(int8x16_t bytes, int8x16_t* trits);

/** trits: [field][cols / 4][lane][4]. */
template <size_t kFields, Extract kExtract>
void unpack(const uint8_t* tile, size_t cols, int8_t* trits) {
  for (size_t i = 0; i < 16 * cols; i += 16) {
    int8x16_t t[kFields];
    kExtract(vreinterpretq_s8_u8(vld1q_u8(tile + i)), t);
    for (size_t f = 0; f < kFields; f++)
      vst1q_s8(trits + f * 16 * cols + i, t[f]);
  }
}

/** Columns 4 kGroup .. 4 kGroup + 3 of the 16 in `a`, for 16 rows. */
template <int kGroup, int kTokens>
inline void add_group(const int8_t* trits, const int8x16_t a[kTokens], int32x4_t sum[kTokens][4]) {
#pragma GCC unroll 4
  for (int r = 0; r < 4; r++) {
    const int8x16_t w = vld1q_s8(trits + 64 * kGroup + 16 * r);
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++)
      sum[i][r] = vdotq_laneq_s32(sum[i][r], w, a[i], kGroup);
  }
}

/** 16 rows times kTokens tokens. Four tokens, 16 columns: 64 SDOT and 20 loads. */
template <int kTokens> void trits_times_tokens(const int8_t* trits, size_t cols, const Panel& p) {
  int32x4_t sum[kTokens][4];
  for (int i = 0; i < kTokens; i++)
    for (int r = 0; r < 4; r++)
      sum[i][r] = vdupq_n_s32(0);
  for (size_t k = 0; k < cols; k += 16, trits += 256) {
    int8x16_t a[kTokens];
    for (int i = 0; i < kTokens; i++)
      a[i] = vld1q_s8(p.q + i * p.q_stride + k);
    add_group<0, kTokens>(trits, a, sum);
    add_group<1, kTokens>(trits, a, sum);
    add_group<2, kTokens>(trits, a, sum);
    add_group<3, kTokens>(trits, a, sum);
  }
  for (int i = 0; i < kTokens; i++)
    for (int r = 0; r < 4; r++)
      add_to(p.out + i * p.out_stride + 4 * r, sum[i][r]);
}

/** Columns k .. k + cols - 1 of `rows` unpacked rows, a multiple of 16, times all tokens. */
inline void trits_times_all(const int8_t* trits, size_t rows, const TernaryProduct& p, size_t k,
                            size_t cols, int32_t* out) {
  for_panels(p, k, out, [&](auto tokens, Panel panel) {
    for (size_t r = 0; r < rows; r += 16, panel.out += 16)
      trits_times_tokens<tokens.value>(trits + r * cols, cols, panel);
  });
}

/** One tile of 16 kFields rows times all tokens. scratch: sdot_scratch_bytes<kFields>(). */
template <size_t kFields, Extract kExtract>
void tile_times_many(const uint8_t* tile, const TernaryProduct& p, int32_t* out) {
  int8_t* trits = reinterpret_cast<int8_t*>(p.scratch);
  for (size_t i = 0; i < p.n; i++)
    fill(out + i * p.out_stride, 16 * kFields, 0);
  for (size_t k = 0; k < p.cols; k += kSdotPiece) {
    const size_t cols = p.cols - k < kSdotPiece ? p.cols - k : kSdotPiece;
    unpack<kFields, kExtract>(tile + 16 * k, cols, trits);
    trits_times_all(trits, 16 * kFields, p, k, cols, out);
  }
}

template <size_t kFields> size_t sdot_scratch_bytes(size_t) {
  return kSdotPiece * 16 * kFields;
}

} // namespace
} // namespace bitnet
