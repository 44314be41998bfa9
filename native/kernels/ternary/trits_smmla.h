// Many tokens with SMMLA: 2 rows x 8 columns of trits times 8 columns x 2 tokens in one
// instruction, twice the work of SDOT. Packed bytes are unpacked once into that shape, and the
// tokens are interleaved in pairs. Anonymous, like the layouts.
#pragma once
#include "trits_sdot.h"

namespace bitnet {
namespace {

// Four pairs of tokens times four pairs of rows: 16 accumulators, 4 registers of weights, 1 of
// tokens.
constexpr size_t kSmmlaTokens = 8;

// Columns unpacked at a time: trits of 32 or 40 kB and tokens of 4 kB stay in the L1 cache, which
// is 64 kB where SMMLA matters; the sums are added to memory once per piece and tokens, so a longer
// piece is better.
constexpr size_t kSmmlaPiece = 512;

/** trits: [field][half of the lanes][cols / 8][8 lanes][8]. */
template <size_t kFields, Extract kExtract>
void unpack_pairs(const uint8_t* tile, size_t cols, int8_t* trits) {
  for (size_t k = 0; k < cols; k += 8, tile += 128)
    for (size_t r = 0; r < 4; r++) {
      // Four lanes, columns k .. k + 3 and k + 4 .. k + 7.
      const int32x4_t a = vreinterpretq_s32_u8(vld1q_u8(tile + 16 * r));
      const int32x4_t b = vreinterpretq_s32_u8(vld1q_u8(tile + 64 + 16 * r));
      int8x16_t t[2][kFields]; // two lanes each, columns k .. k + 7
      kExtract(vreinterpretq_s8_s32(vzip1q_s32(a, b)), t[0]);
      kExtract(vreinterpretq_s8_s32(vzip2q_s32(a, b)), t[1]);
      int8_t* to = trits + r / 2 * 8 * cols + 8 * k + r % 2 * 32;
      for (size_t f = 0; f < kFields; f++, to += 16 * cols) {
        vst1q_s8(to, t[0][f]);
        vst1q_s8(to + 16, t[1][f]);
      }
    }
}

/** pairs: [cols / 8][kSmmlaTokens / 2][2][8]; an odd last token is paired with itself. */
inline void pair_tokens(const int8_t* q, size_t q_stride, size_t tokens, size_t cols,
                        int8_t* pairs) {
  for (size_t i = 0; i < tokens; i += 2, pairs += 16) {
    const int8_t *first = q + i * q_stride, *second = i + 1 < tokens ? first + q_stride : first;
    for (size_t k = 0; k < cols; k += 16) {
      const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(first + k));
      const int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(second + k));
      vst1q_s8(pairs + k * kSmmlaTokens, vreinterpretq_s8_s64(vzip1q_s64(a, b)));
      vst1q_s8(pairs + (k + 8) * kSmmlaTokens, vreinterpretq_s8_s64(vzip2q_s64(a, b)));
    }
  }
}

/**
 * 8 rows times kPairs pairs of tokens, of which `tokens` count. Four pairs, 8 columns: 16 SMMLA and
 * 8 loads. A sum holds two rows and two tokens: row 0 with token 0, 0 with 1, 1 with 0, 1 with 1.
 */
template <int kPairs>
void trits_times_pairs(const int8_t* trits, const int8_t* pairs, size_t cols, size_t tokens,
                       int32_t* out, size_t out_stride) {
  int32x4_t sum[kPairs][4];
  for (int i = 0; i < kPairs; i++)
    for (int r = 0; r < 4; r++)
      sum[i][r] = vdupq_n_s32(0);
  for (size_t k = 0; k < cols; k += 8, trits += 64, pairs += 8 * kSmmlaTokens) {
    int8x16_t w[4];
    for (int r = 0; r < 4; r++)
      w[r] = vld1q_s8(trits + 16 * r);
#pragma GCC unroll 4
    for (int i = 0; i < kPairs; i++) {
      const int8x16_t a = vld1q_s8(pairs + 16 * i);
#pragma GCC unroll 4
      for (int r = 0; r < 4; r++)
        sum[i][r] = vmmlaq_s32(sum[i][r], w[r], a);
    }
  }
  for (size_t i = 0; i < kPairs; i++) {
    int32_t* o = out + 2 * i * out_stride;
    add_to(o, vuzp1q_s32(sum[i][0], sum[i][1]));
    add_to(o + 4, vuzp1q_s32(sum[i][2], sum[i][3]));
    if (2 * i + 1 == tokens)
      break;
    add_to(o + out_stride, vuzp2q_s32(sum[i][0], sum[i][1]));
    add_to(o + out_stride + 4, vuzp2q_s32(sum[i][2], sum[i][3]));
  }
}

/**
 * Columns k .. k + cols - 1 of `rows` unpacked rows, a multiple of 8, times all tokens. pairs:
 * kSmmlaTokens * cols bytes of scratch.
 */
inline void trits_times_all_pairs(const int8_t* trits, size_t rows, const TernaryProduct& p,
                                  size_t k, size_t cols, int8_t* pairs, int32_t* out) {
  for (size_t i = 0; i < p.n; i += kSmmlaTokens) {
    const size_t tokens = p.n - i < kSmmlaTokens ? p.n - i : kSmmlaTokens;
    pair_tokens(p.q + i * p.q_stride + k, p.q_stride, tokens, cols, pairs);
    for (size_t r = 0; r < rows; r += 8) {
      const int8_t* weights = trits + r * cols;
      int32_t* o = out + i * p.out_stride + r;
      switch ((tokens + 1) / 2) {
      case 1:
        trits_times_pairs<1>(weights, pairs, cols, tokens, o, p.out_stride);
        break;
      case 2:
        trits_times_pairs<2>(weights, pairs, cols, tokens, o, p.out_stride);
        break;
      case 3:
        trits_times_pairs<3>(weights, pairs, cols, tokens, o, p.out_stride);
        break;
      default:
        trits_times_pairs<4>(weights, pairs, cols, tokens, o, p.out_stride);
        break;
      }
    }
  }
}

/** One tile of 16 kFields rows times all tokens. scratch: smmla_scratch_bytes<kFields>(). */
template <size_t kFields, Extract kExtract>
void tile_times_pairs(const uint8_t* tile, const TernaryProduct& p, int32_t* out) {
  int8_t* pairs = reinterpret_cast<int8_t*>(p.scratch);
  int8_t* trits = pairs + kSmmlaTokens * kSmmlaPiece;
  for (size_t i = 0; i < p.n; i++)
    fill(out + i * p.out_stride, 16 * kFields, 0);
  for (size_t k = 0; k < p.cols; k += kSmmlaPiece) {
    const size_t cols = p.cols - k < kSmmlaPiece ? p.cols - k : kSmmlaPiece;
    unpack_pairs<kFields, kExtract>(tile + 16 * k, cols, trits);
    trits_times_all_pairs(trits, 16 * kFields, p, k, cols, pairs, out);
  }
}

template <size_t kFields> size_t smmla_scratch_bytes(size_t) {
  return kSmmlaPiece * (16 * kFields + kSmmlaTokens);
}

} // namespace
} // namespace bitnet
