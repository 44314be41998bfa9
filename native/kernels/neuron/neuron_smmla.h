// Neurons times many tokens with SMMLA: unpacked into the layout of trits_smmla.h. Anonymous, like
// the layouts.
#pragma once
#include "../ternary/trits_smmla.h"
#include "neuron_sdot.h"

namespace bitnet {
namespace {

/** Codes as trits_smmla.h multiplies them: [8 rows][columns / 8][row][8]. */
struct ManySmmla {
  static constexpr size_t kPiece = kSmmlaPiece;

  static size_t scratch_bytes(size_t) { return smmla_scratch_bytes<4>(0); }

  static int8_t* codes_of(uint8_t* scratch) {
    return reinterpret_cast<int8_t*>(scratch) + kSmmlaTokens * kSmmlaPiece;
  }

  /** Eight bytes each of two neurons are one register, eight columns for each field. */
  static void unpack_rows(const uint8_t* neurons, size_t neuron_bytes, size_t count, size_t columns,
                          uint8_t* scratch) {
    for (size_t u = 0; u < count; u += 2, neurons += 2 * neuron_bytes) {
      int8_t* two = codes_of(scratch) + u / 8 * 8 * columns + u % 8 * 8;
      for (size_t k = 0; k < columns; k += kNeuronTrits) {
        // A block is half a line: one of the two neurons' lines of the next piece.
        prefetch(neurons + k / kNeuronTrits % 2 * neuron_bytes + kPiece / 4 + k / 256 * kLine);
        for (size_t j = 0; j < kNeuronBytes; j += 16) {
          const uint64x2_t a = vreinterpretq_u64_u8(vld1q_u8(neurons + k / 4 + j));
          const uint64x2_t b = vreinterpretq_u64_u8(vld1q_u8(neurons + neuron_bytes + k / 4 + j));
          const uint64x2_t halves[2] = {vzip1q_u64(a, b), vzip2q_u64(a, b)};
          for (size_t h = 0; h < 2; h++) {
            int8x16_t c[4];
            row_codes(vreinterpretq_u8_u64(halves[h]), c);
            for (size_t f = 0; f < 4; f++)
              vst1q_s8(two + 8 * (k + row_position(j + 8 * h, f)), c[f]);
          }
        }
      }
    }
  }

  /** Two groups are joined to registers of two rows and eight neurons. */
  static void unpack_columns(const NeuronProduct& p, size_t row, size_t first, size_t count,
                             uint8_t* scratch) {
    int8_t* to = codes_of(scratch);
    for (size_t i = 0; i < count; i += 8, to += 64) {
      int8x16_t low[4], high[4];
      load_group(p, row, first + i, low);
      load_group(p, row, first + i + 4, high);
#pragma GCC unroll 4
      for (size_t r = 0; r < 4; r++) {
        const int32x4_t a = vreinterpretq_s32_s8(low[r]), b = vreinterpretq_s32_s8(high[r]);
        const int32x4_t rows[2] = {vzip1q_s32(a, b), vzip2q_s32(a, b)};
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
          int8x16_t c[4];
          column_codes(vreinterpretq_s8_s32(rows[h]), c);
#pragma GCC unroll 4
          for (size_t f = 0; f < 4; f++) {
            const size_t at = NeuronRows::of(f, r) + 2 * h;
            vst1q_s8(to + at / 8 * 8 * count + at % 8 * 8, c[f]);
          }
        }
      }
    }
  }

  static void multiply(uint8_t* scratch, size_t rows, const TernaryProduct& p, size_t k,
                       size_t columns, int32_t* out) {
    trits_times_all_pairs(codes_of(scratch), rows, p, k, columns,
                          reinterpret_cast<int8_t*>(scratch), out);
  }
};

} // namespace
} // namespace bitnet
