// What the NEON neuron kernels share: in which order neurons are read, and how those that count are
// found. Anonymous, like the layouts.
#pragma once
#include <arm_neon.h>
#include <string.h>

#include "../ternary/ternary.h"
#include "neuron.h"
#include "neuron_active.h"
#include "neuron_mad2_layout.h"

namespace bitnet {
namespace {

// ---- Rows of up

// Neurons whose lines are fetched together, all at one place before the next place: memory answers
// scattered neurons in this order faster than neuron by neuron.
constexpr size_t kFetch = 16;

/** Neurons to multiply, four at a time, and those to fetch meanwhile. */
struct NeuronGroup {
  const uint8_t* neuron[kFetch]; // behind `count` the last one again
  const uint8_t* ahead[kFetch];
  size_t count;
};

/** Two lines of `neurons`, from number `line` on, an even one. */
inline void fetch_two(const uint8_t* const* neurons /* [kFetch] */, size_t line) {
  const uint8_t* const* two = neurons + line % kFetch;
  prefetch(two[0] + line / kFetch * kLine);
  prefetch(two[1] + line / kFetch * kLine);
}

/**
 * The first line that neurons first to first + 3 fetch: two for each block, so that four fours
 * fetch as much as they read.
 */
inline size_t first_line(size_t first, size_t bytes) {
  return first / 4 * (2 * bytes / kNeuronBytes);
}

/** Calls body(group, i) for every kFetch neurons of at(0..count). */
template <class At, class Body> void for_groups(At at, size_t count, size_t bytes, Body body) {
  if (count == 0)
    return;
  NeuronGroup group;
  const auto take = [&](size_t first) {
    for (size_t u = 0; u < kFetch; u++)
      group.ahead[u] = at(first + u < count ? first + u : count - 1);
  };
  take(0);
  for (size_t line = 0; line < first_line(kFetch, bytes); line += 2)
    fetch_two(group.ahead, line);
  for (size_t i = 0; i < count; i += kFetch) {
    memcpy(group.neuron, group.ahead, sizeof group.neuron);
    group.count = count - i < kFetch ? count - i : kFetch;
    take(i + kFetch);
    body(group, i);
  }
}

/** The codes of a field. */
template <int kField> inline int8x16_t codes(uint8x16_t bytes) {
  if constexpr (kField == 0)
    return vreinterpretq_s8_u8(vandq_u8(bytes, vdupq_n_u8(3)));
  else if constexpr (kField == 3)
    return vreinterpretq_s8_u8(vshrq_n_u8(bytes, 6));
  else
    return vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(bytes, 2 * kField), vdupq_n_u8(3)));
}

/** One field of 16 bytes of four neurons, times kTokens tokens. */
template <int kField, int kTokens, class Sum, class MultiplyAdd>
inline void add_field(const uint8x16_t w[4], const int8_t* q, size_t q_stride, Sum sum[kTokens][4],
                      MultiplyAdd multiply_add) {
  int8x16_t a[kTokens];
  for (int i = 0; i < kTokens; i++)
    a[i] = vld1q_s8(q + i * q_stride + row_position(0, kField));
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++) {
    const int8x16_t c = codes<kField>(w[u]);
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++)
      multiply_add(sum[i][u], c, a[i]);
  }
}

/** 16 bytes of four neurons, times kTokens tokens: codes are extracted once for all of these. */
template <int kTokens, class Sum, class MultiplyAdd>
inline void add_bytes(const uint8_t* const* neuron, size_t offset, const int8_t* q, size_t q_stride,
                      Sum sum[kTokens][4], MultiplyAdd multiply_add) {
  uint8x16_t w[4];
  for (int u = 0; u < 4; u++)
    w[u] = vld1q_u8(neuron[u] + offset);
  add_field<0, kTokens>(w, q, q_stride, sum, multiply_add);
  add_field<1, kTokens>(w, q, q_stride, sum, multiply_add);
  add_field<2, kTokens>(w, q, q_stride, sum, multiply_add);
  add_field<3, kTokens>(w, q, q_stride, sum, multiply_add);
}

/** The sums over the lanes of four vectors. */
inline int32x4_t lane_sums(const int32x4_t v[4]) {
  return vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3]));
}

/** The first `count` lanes, at most 4. */
inline void store_some(int32_t* out, int32x4_t v, size_t count) {
  if (count >= 4)
    return vst1q_s32(out, v);
  int32_t lanes[4];
  vst1q_s32(lanes, v);
  memcpy(out, lanes, count * sizeof *out);
}

/** dots[i] = Σ c q of neurons first to first + 3 of the group for some tokens i. */
using DotFour = void (*)(const NeuronGroup& group, size_t first, size_t bytes, const int8_t* q,
                         size_t q_stride, int32x4_t* dots);

/** The neurons of a group times kTokens tokens; `out` is at the first of both. */
template <int kTokens, DotFour kDot>
void dot_group(const NeuronGroup& group, size_t bytes, const int8_t* q, size_t q_stride,
               const int32_t* q_sum, int32_t* out, size_t out_stride) {
  for (size_t u = 0; u < group.count; u += 4) {
    int32x4_t dots[kTokens];
    kDot(group, u, bytes, q, q_stride, dots);
    for (int i = 0; i < kTokens; i++)
      store_some(out + i * out_stride + u, vsubq_s32(dots[i], vdupq_n_s32(q_sum[i])),
                 group.count - u);
  }
}

template <DotFour kDot>
void dot(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count, const int8_t* q,
         int32_t q_sum, int32_t* out) {
  const size_t bytes = neuron_bytes(width);
  const auto at = [&](size_t i) { return neurons + static_cast<size_t>(ids[i]) * bytes; };
  for_groups(at, count, bytes, [&](const NeuronGroup& group, size_t i) {
    dot_group<1, kDot>(group, bytes, q, 0, &q_sum, out + i, 0);
  });
}

// ---- Columns of down

/** For each mask of eight lanes the numbers of those that are set, and how many these are. */
struct ActiveTable {
  uint8_t lanes[256][8] = {}, count[256] = {};

  constexpr ActiveTable() {
    for (int mask = 0; mask < 256; mask++)
      for (uint8_t lane = 0; lane < 8; lane++)
        if (mask >> lane & 1)
          lanes[mask][count[mask]++] = lane;
  }
};
constexpr ActiveTable kActiveTable;

// Eight at a time, 16 instructions; what stands behind the active ones is overwritten by the next.
size_t find_active(const int8_t* q, size_t count, int32_t* ids) {
  const uint8x8_t bits = vcreate_u8(0x8040201008040201u);
  size_t active = 0, i = 0;
  for (; i + 8 <= count; i += 8) {
    const int8x8_t v = vld1_s8(q + i);
    const uint8_t mask = vaddv_u8(vand_u8(vtst_s8(v, v), bits));
    const uint16x8_t lanes = vmovl_u8(vld1_u8(kActiveTable.lanes[mask]));
    const uint32x4_t base = vdupq_n_u32(static_cast<uint32_t>(i));
    vst1q_s32(ids + active, vreinterpretq_s32_u32(vaddw_u16(base, vget_low_u16(lanes))));
    vst1q_s32(ids + active + 4, vreinterpretq_s32_u32(vaddw_u16(base, vget_high_u16(lanes))));
    active += kActiveTable.count[mask];
  }
  for (; i < count; i++)
    if (q[i] != 0)
      ids[active++] = static_cast<int32_t>(i);
  return active;
}

/**
 * One in four of the lines at `offset`, a multiple of 16, so that a line is fetched once: of
 * neurons i to i + 3.
 */
inline void fetch_quarter(const ActiveNeurons& next, size_t i, size_t offset) {
  prefetch(next.neuron[i + offset / 16 % 4] + offset / kLine * kLine);
}

/**
 * acc[8 f + 32 m + e] += Σ c q of bytes 4 m + e, field f, from `offset` on: 16 of each active
 * neuron.
 */
using AddActive = void (*)(const ActiveNeurons& active, const ActiveNeurons& next, size_t offset,
                           int32_t* acc);

template <AddActive kAdd>
void accumulate(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count,
                const int8_t* q, int32_t* acc) {
  const size_t bytes = neuron_bytes(width);
  for_active(neurons, bytes, ids, count, q,
             [&](const ActiveNeurons& active, const ActiveNeurons& next) {
               for (size_t offset = 0; offset < bytes; offset += 16)
                 kAdd(active, next, offset,
                      acc + offset / kNeuronBytes * kNeuronTrits +
                          column_position(offset % kNeuronBytes, 0));
             });
}

// Batches take 64 neighboring rows at a time, half a block: eight bytes 4 m + e for each L.
constexpr size_t kHalfRows = 64;

size_t column_step(size_t) {
  return kHalfRows;
}

// Neurons fetched ahead: their lines are too far apart for a CPU to foresee.
constexpr size_t kNeuronsAhead = 64;

/** Where in a neuron the bytes of rows row to row + 63 begin. */
inline size_t half_offset(size_t row) {
  return row / kNeuronTrits * kNeuronBytes + row / kHalfRows % 2 * 8;
}

/** These bytes: of L = 0, then of L = 1. */
inline uint8x16_t half_block(const uint8_t* from) {
  return vcombine_u8(vld1_u8(from), vld1_u8(from + 16));
}

} // namespace
} // namespace bitnet
