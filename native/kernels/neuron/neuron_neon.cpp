// Products of neurons with SMLAL on 128-bit registers, for ARM CPUs without SDOT; overflow-proof in
// int16. See neuron_mad2_layout.h for the two layouts.
//
// A code times an activation is at most 254: 129 of them fit into int16, then comes int32. Eight
// SMLAL for 64 weights and a token are the bound, as in mad2_neon.cpp: what else they need (8 to 10
// instructions for one token) fits beside them, so fields are shifted down and no sum needs a
// division.
#include "neuron.h"

#include <arm_neon.h>

#include "../cpu_features.h"
#include "../ternary/smlal.h"
#include "neuron_neon.h"

namespace bitnet {
namespace {

// ---- Rows of up: sums run along the neuron, so activations are vectors and lanes are added up
// last.

constexpr size_t kChunk = 16 * kNeuronBytes; // 128 products to a lane of int16

/** A DotFour for kTokens tokens: 8 or 16 accumulators. */
template <int kTokens>
void dot_four(const NeuronGroup& group, size_t first, size_t bytes, const int8_t* q,
              size_t q_stride, int32x4_t* dots) {
  const uint8_t* const* neuron = group.neuron + first;
  int32x4_t total[kTokens][4];
  for (int i = 0; i < kTokens; i++)
    for (int u = 0; u < 4; u++)
      total[i][u] = vdupq_n_s32(0);
  size_t line = first_line(first, bytes);
  for (size_t chunk = 0; chunk < bytes; chunk += kChunk) {
    const size_t end = bytes - chunk < kChunk ? bytes : chunk + kChunk;
    Pair sum[kTokens][4];
    for (int i = 0; i < kTokens; i++)
      for (Pair& s : sum[i])
        s = {vdupq_n_s16(0), vdupq_n_s16(0)};
    for (size_t byte = chunk; byte < end; byte += kNeuronBytes, q += kNeuronTrits, line += 2) {
      fetch_two(group.ahead, line);
#pragma GCC unroll 2
      for (size_t j = 0; j < kNeuronBytes; j += 16)
        add_bytes<kTokens>(neuron, byte + j, q + j, q_stride, sum, multiply_add);
    }
    for (int i = 0; i < kTokens; i++)
      for (int u = 0; u < 4; u++)
        total[i][u] = vaddq_s32(total[i][u], widen(sum[i][u]));
  }
  for (int i = 0; i < kTokens; i++)
    dots[i] = lane_sums(total[i]);
}

/** All tokens pass a group, two at a time: their activations are read once for 16 neurons. */
void rows(const NeuronProduct& p, size_t begin, size_t end) {
  const auto at = [&](size_t i) { return p.neurons + (begin + i) * p.neuron_bytes; };
  for_groups(at, end - begin, p.neuron_bytes, [&](const NeuronGroup& group, size_t row) {
    for (size_t i = 0; i < p.n; i += 2) {
      const auto times = i + 1 < p.n ? dot_group<2, dot_four<2>> : dot_group<1, dot_four<1>>;
      times(group, p.neuron_bytes, p.q + i * p.q_stride, p.q_stride, p.q_sum + i,
            p.out + i * p.out_stride + row, p.out_stride);
    }
  });
}

// ---- Columns of down: an activation is the same for all rows, so lanes are rows.

/** Sums of 16 bytes, a field each. */
inline void add_neuron(uint8x16_t bytes, int8x16_t a, Pair sum[4]) {
  multiply_add(sum[0], codes<0>(bytes), a);
  multiply_add(sum[1], codes<1>(bytes), a);
  multiply_add(sum[2], codes<2>(bytes), a);
  multiply_add(sum[3], codes<3>(bytes), a);
}

inline void add_to(int32_t* out, int16x4_t sum) {
  vst1q_s32(out, vaddw_s16(vld1q_s32(out), sum));
}

/** Eight SMLAL, six instructions to extract four fields and five more for 16 bytes. */
void add_active(const ActiveNeurons& active, const ActiveNeurons& next, size_t offset,
                int32_t* acc) {
  Pair sum[4];
  for (Pair& s : sum)
    s = {vdupq_n_s16(0), vdupq_n_s16(0)};
  for (size_t i = 0; i < active.count; i += 4) {
    fetch_quarter(next, i, offset);
#pragma GCC unroll 4
    for (size_t u = i; u < i + 4; u++)
      add_neuron(vld1q_u8(active.neuron[u] + offset), vld1q_dup_s8(active.q + u), sum);
  }
  for (size_t f = 0; f < 4; f++) {
    add_to(acc + column_position(0, f), vget_low_s16(sum[f].low));
    add_to(acc + column_position(4, f), vget_high_s16(sum[f].low));
    add_to(acc + column_position(8, f), vget_low_s16(sum[f].high));
    add_to(acc + column_position(12, f), vget_high_s16(sum[f].high));
  }
}

// Neurons copied side by side, and products to a lane of int16.
constexpr size_t kPiece = 128;

/** kHalfRows rows of `count` neurons times kTokens tokens: 8 or 16 accumulators. */
template <int kTokens>
void half_times_tokens(const uint8_t* halves, size_t count, const int8_t* q, size_t q_stride,
                       int32_t* out, size_t out_stride) {
  Pair sum[kTokens][4];
  for (int i = 0; i < kTokens; i++)
    for (Pair& s : sum[i])
      s = {vdupq_n_s16(0), vdupq_n_s16(0)};
  for (size_t u = 0; u < count; u++) {
    const uint8x16_t bytes = vld1q_u8(halves + 16 * u);
    for (int i = 0; i < kTokens; i++)
      add_neuron(bytes, vld1q_dup_s8(q + i * q_stride + u), sum[i]);
  }
  for (int i = 0; i < kTokens; i++)
    for (size_t f = 0; f < 4; f++) {
      int32_t* to = out + i * out_stride;
      add_to(to + column_position(0, f), vget_low_s16(sum[i][f].low));
      add_to(to + column_position(4, f), vget_high_s16(sum[i][f].low));
      add_to(to + column_position(16, f), vget_low_s16(sum[i][f].high));
      add_to(to + column_position(20, f), vget_high_s16(sum[i][f].high));
    }
}

void columns(const NeuronProduct& p, size_t begin, size_t end) {
  alignas(64) uint8_t halves[16 * kPiece];
  for (size_t i = 0; i < p.n; i++)
    for (size_t r = 0; r < end - begin; r += 4)
      vst1q_s32(p.out + i * p.out_stride + r, vdupq_n_s32(-p.q_sum[i]));
  for (size_t first = 0; first < p.count; first += kPiece) {
    const size_t count = p.count - first < kPiece ? p.count - first : kPiece;
    for (size_t row = begin; row < end; row += kHalfRows) {
      for (size_t u = 0; u < count; u++) {
        const uint8_t* from = p.neurons + (first + u) * p.neuron_bytes + half_offset(row);
        prefetch(from + kNeuronsAhead * p.neuron_bytes);
        vst1q_u8(halves + 16 * u, half_block(from));
      }
      for (size_t i = 0; i < p.n; i += 2) {
        const auto times = i + 1 < p.n ? half_times_tokens<2> : half_times_tokens<1>;
        times(halves, count, p.q + i * p.q_stride + first, p.q_stride,
              p.out + i * p.out_stride + (row - begin), p.out_stride);
      }
    }
  }
}

size_t no_scratch(size_t) {
  return 0;
}

} // namespace

extern const NeuronKernel kNeuronsNeon;
const NeuronKernel kNeuronsNeon = {
    .family = "mad2",
    .isa = "neon",
    .features = kCpuNeon,
    .block = kNeuronTrits,
    .break_even = 0.3,
    .neuron_bytes = neuron_bytes,
    .scratch_bytes = no_scratch,
    .pack_up = pack_row,
    .up_some = dot<dot_four<1>>,
    .up_all = rows,
    .pack_down = pack_columns,
    .find_active = find_active,
    .down_some = accumulate<add_active>,
    .down_step = column_step,
    .down_all = columns,
};

} // namespace bitnet
