// What the NEON dot-product kernels of neurons share: the layouts of neuron_mad2_layout.h, and the
// loops for few tokens with SDOT. Anonymous, like the layouts.
//
// Columns of down are stored with every byte's top bit flipped, because four of them interleaved
// are a group of mad2_sdot.h: field 3 counts c - 2, and the whole byte needs no AND.
//
// Rows of up are not flipped. Each field has activations of its own there, so that the whole byte
// would not do; fields 0 and 3 are codes after one instruction, 1 and 2 are left in place for one
// token (4 c, 16 c) and shifted down for more, where one sum for each neuron and token is all that
// fits.
#pragma once
#include <string.h>

#include "../ternary/mad2_sdot.h"
#include "../ternary/trits_sdot.h"
#include "neuron.h"
#include "neuron_neon.h"

namespace bitnet {
namespace {

inline void pack_columns_flipped(const uint8_t* codes, size_t count, size_t row, uint8_t* neurons,
                                 size_t neuron_stride) {
  pack_columns(codes, count, row, neurons, neuron_stride);
  uint8_t* block = neurons + row / kNeuronTrits * kNeuronBytes;
  for (size_t neuron = 0; neuron < count; neuron++, block += neuron_stride)
    for (size_t j = 0; j < kNeuronBytes; j++)
      block[j] ^= 0x80;
}

/** The same product as the loops of tiles know it. */
inline TernaryProduct of_tiles(const NeuronProduct& p) {
  return {.packed = p.neurons,
          .cols = p.width,
          .q = p.q,
          .q_stride = p.q_stride,
          .q_sum = p.q_sum,
          .n = p.n,
          .out = p.out,
          .out_stride = p.out_stride,
          .scratch = p.scratch};
}

// ---- Rows of up, few tokens: sums run along the neuron, so activations are vectors and lanes are
// added up last.

inline void sdot(int32x4_t& sum, int8x16_t w, int8x16_t a) {
  sum = vdotq_s32(sum, w, a);
}

/**
 * A DotFour for one token. 64 weights cost a load, 4 AND or shifts, 4 SDOT and a load of
 * activations, which four neurons share.
 */
void dot_one(const NeuronGroup& group, size_t first, size_t bytes, const int8_t* q, size_t,
             int32x4_t* dots) {
  const uint8x16_t in_place1 = vdupq_n_u8(0x0c), in_place2 = vdupq_n_u8(0x30);
  const uint8_t* const* neuron = group.neuron + first;
  int32x4_t once[4], fourfold[4], sixteenfold[4];
  for (int u = 0; u < 4; u++)
    once[u] = fourfold[u] = sixteenfold[u] = vdupq_n_s32(0);
  size_t line = first_line(first, bytes);
  for (size_t block = 0; block < bytes; block += kNeuronBytes, q += kNeuronTrits, line += 2) {
    fetch_two(group.ahead, line);
#pragma GCC unroll 2
    for (size_t j = 0; j < kNeuronBytes; j += 16) {
      int8x16_t a[4];
      for (size_t f = 0; f < 4; f++)
        a[f] = vld1q_s8(q + row_position(j, f));
#pragma GCC unroll 4
      for (int u = 0; u < 4; u++) {
        const uint8x16_t w = vld1q_u8(neuron[u] + block + j);
        sdot(once[u], codes<0>(w), a[0]);
        sdot(fourfold[u], vreinterpretq_s8_u8(vandq_u8(w, in_place1)), a[1]);
        sdot(sixteenfold[u], vreinterpretq_s8_u8(vandq_u8(w, in_place2)), a[2]);
        sdot(once[u], codes<3>(w), a[3]);
      }
    }
  }
  *dots = vaddq_s32(lane_sums(once), vaddq_s32(vshrq_n_s32(lane_sums(fourfold), 2),
                                               vshrq_n_s32(lane_sums(sixteenfold), 4)));
}

/**
 * A DotFour for two to four tokens: 64 weights and a token cost 6 / kTokens AND or shifts, 4 SDOT
 * and a load of activations.
 */
template <int kTokens>
void dot_few(const NeuronGroup& group, size_t first, size_t bytes, const int8_t* q, size_t q_stride,
             int32x4_t* dots) {
  int32x4_t sum[kTokens][4];
  for (int i = 0; i < kTokens; i++)
    for (int u = 0; u < 4; u++)
      sum[i][u] = vdupq_n_s32(0);
  size_t line = first_line(first, bytes);
  for (size_t block = 0; block < bytes; block += kNeuronBytes, q += kNeuronTrits, line += 2) {
    fetch_two(group.ahead, line);
#pragma GCC unroll 2
    for (size_t j = 0; j < kNeuronBytes; j += 16)
      add_bytes<kTokens>(group.neuron + first, block + j, q + j, q_stride, sum, sdot);
  }
  for (int i = 0; i < kTokens; i++)
    dots[i] = lane_sums(sum[i]);
}

inline void rows_times_few(const NeuronProduct& p, size_t begin, size_t end) {
  const auto at = [&](size_t i) { return p.neurons + (begin + i) * p.neuron_bytes; };
  for_groups(at, end - begin, p.neuron_bytes, [&](const NeuronGroup& group, size_t row) {
    for (size_t i = 0; i < p.n; i += 4) {
      constexpr decltype(&dot_group<1, dot_one>) times[] = {
          dot_group<1, dot_one>, dot_group<2, dot_few<2>>, dot_group<3, dot_few<3>>,
          dot_group<4, dot_few<4>>};
      times[p.n - i < 4 ? p.n - i - 1 : 3](group, p.neuron_bytes, p.q + i * p.q_stride, p.q_stride,
                                           p.q_sum + i, p.out + i * p.out_stride + row,
                                           p.out_stride);
    }
  });
}

// ---- Many tokens: weights are unpacked into the layout that Many::multiply takes.

/** One register of codes for each field of 16 bytes. */
inline void row_codes(uint8x16_t bytes, int8x16_t* c /* [4] */) {
  c[0] = codes<0>(bytes);
  c[1] = codes<1>(bytes);
  c[2] = codes<2>(bytes);
  c[3] = codes<3>(bytes);
}

constexpr size_t kManyRows = 64;

/** Whole sixteens of rows; the last few are multiplied where they stand. */
template <class Many> void rows_times_many(const NeuronProduct& p, size_t begin, size_t end) {
  const TernaryProduct tiles = of_tiles(p);
  const size_t columns = p.neuron_bytes / kNeuronBytes * kNeuronTrits,
               whole = end - (end - begin) % 16;
  for (size_t row = begin; row < whole; row += kManyRows) {
    const size_t count = whole - row < kManyRows ? whole - row : kManyRows;
    int32_t* out = p.out + (row - begin);
    for (size_t i = 0; i < p.n; i++)
      fill(out + i * p.out_stride, count, -p.q_sum[i]);
    for (size_t k = 0; k < columns; k += Many::kPiece) {
      const size_t some = columns - k < Many::kPiece ? columns - k : Many::kPiece;
      Many::unpack_rows(p.neurons + row * p.neuron_bytes + k / kNeuronTrits * kNeuronBytes,
                        p.neuron_bytes, count, some, p.scratch);
      Many::multiply(p.scratch, count, tiles, k, some, out);
    }
  }
  NeuronProduct rest = p;
  rest.out += whole - begin;
  rows_times_few(rest, whole, end);
}

// ---- Columns of down, one token: four at a time, their bytes interleaved, are four columns of a
// tile.

/** Bytes j to j + 3 of four neurons become lanes of vector j / 4. */
inline void interleave(const uint8x16_t neuron[4], int8x16_t group[4]) {
  const uint8x16x2_t ab = vzipq_u8(neuron[0], neuron[1]), cd = vzipq_u8(neuron[2], neuron[3]);
  for (int i = 0; i < 2; i++) {
    const uint16x8x2_t abcd =
        vzipq_u16(vreinterpretq_u16_u8(ab.val[i]), vreinterpretq_u16_u8(cd.val[i]));
    group[2 * i] = vreinterpretq_s8_u16(abcd.val[0]);
    group[2 * i + 1] = vreinterpretq_s8_u16(abcd.val[1]);
  }
}

/** Four activations in the lowest int32 lane. */
inline int8x8_t load4(const int8_t* q) {
  uint32_t group;
  memcpy(&group, q, sizeof group);
  return vcreate_s8(group);
}

/** An AddActive: 4 loads, 8 ZIP, 12 AND, 16 SDOT and 8 others for 256 weights; 16 accumulators. */
void add_active(const ActiveNeurons& active, const ActiveNeurons& next, size_t offset,
                int32_t* acc) {
  const int8x16_t m0 = vdupq_n_s8(0x03), m1 = vdupq_n_s8(0x0c), m2 = vdupq_n_s8(0x30);
  int32x4_t sum[4][4];
  for (int m = 0; m < 4; m++)
    for (int f = 0; f < 4; f++)
      sum[m][f] = vdupq_n_s32(0);
  for (size_t i = 0; i < active.count; i += 4) {
    fetch_quarter(next, i, offset);
    uint8x16_t neuron[4];
    for (size_t u = 0; u < 4; u++)
      neuron[u] = vld1q_u8(active.neuron[i + u] + offset);
    int8x16_t w[4];
    interleave(neuron, w);
    const int8x8_t a = load4(active.q + i);
#pragma GCC unroll 4
    for (int m = 0; m < 4; m++) {
      sum[m][0] = vdotq_lane_s32(sum[m][0], vandq_s8(w[m], m0), a, 0);
      sum[m][1] = vdotq_lane_s32(sum[m][1], vandq_s8(w[m], m1), a, 0);
      sum[m][2] = vdotq_lane_s32(sum[m][2], vandq_s8(w[m], m2), a, 0);
      sum[m][3] = vdotq_lane_s32(sum[m][3], w[m], a, 0);
    }
  }
  for (size_t m = 0; m < 4; m++) {
    mad2_divide(sum[m]);
    sum[m][3] = vaddq_s32(sum[m][3], vdupq_n_s32(2 * active.q_sum)); // it counted c - 2
    for (size_t f = 0; f < 4; f++)
      add_to(acc + column_position(4 * m, f), sum[m][f]);
  }
}

// ---- Columns of down, batches: 64 rows of four neurons are a group of a tile, its registers
// r = 2 L + m.

struct NeuronRows {
  static constexpr size_t of(size_t f, size_t r) { return 32 * (r % 2) + 8 * f + 4 * (r / 2); }
};

/** Neurons i to i + 3, nothing for those that do not exist, as a group of the rows from `row` on. */
inline void load_group(const NeuronProduct& p, size_t row, size_t i, int8x16_t group[4]) {
  const uint8_t* from = p.neurons + i * p.neuron_bytes + half_offset(row);
  uint8x16_t neuron[4];
  if (i + 4 <= p.count)
    for (size_t u = 0; u < 4; u++)
      neuron[u] = half_block(from + u * p.neuron_bytes);
  else
    for (size_t u = 0; u < 4; u++)
      neuron[u] = i + u < p.count ? half_block(from + u * p.neuron_bytes) : vdupq_n_u8(0);
  for (size_t u = 0; u < 4; u++)
    prefetch(from + (kNeuronsAhead + u) * p.neuron_bytes);
  interleave(neuron, group);
}

/** out = Σ (c - 1) q less what the group counts: c, in field 3 c - 2. */
inline void start_columns(const NeuronProduct& p, size_t rows) {
  for (size_t i = 0; i < p.n; i++)
    for (size_t r = 0; r < rows; r += 8)
      fill(p.out + i * p.out_stride + r, 8, r / 8 % 4 == 3 ? p.q_sum[i] : -p.q_sum[i]);
}

// Neurons interleaved at a time for small batches: 4 kB.
constexpr size_t kFewNeurons = 256;

inline void columns_times_few(const NeuronProduct& p, size_t begin, size_t end) {
  alignas(64) int8_t tile[kFewNeurons / 4 * kMad2Group];
  const TernaryProduct tiles = of_tiles(p);
  start_columns(p, end - begin);
  for (size_t first = 0; first < p.count; first += kFewNeurons) {
    const size_t left = p.count - first,
                 count = left < kFewNeurons ? (left + 15) / 16 * 16 : kFewNeurons;
    for (size_t row = begin; row < end; row += kHalfRows) {
      for (size_t i = 0; i < count; i += 4) {
        int8x16_t group[4];
        load_group(p, row, first + i, group);
        for (size_t r = 0; r < 4; r++)
          vst1q_s8(tile + i / 4 * kMad2Group + 16 * r, group[r]);
      }
      for_panels(tiles, first, p.out + (row - begin), [&](auto tokens, const Panel& panel) {
        mad2_tile_times_tokens<tokens.value, NeuronRows>(reinterpret_cast<const uint8_t*>(tile),
                                                         count, panel);
      });
    }
  }
}

/** One register for each field of 16 bytes of a group: codes, of field 3 less 2. */
inline void column_codes(int8x16_t bytes, int8x16_t* c /* [4] */) {
  row_codes(vreinterpretq_u8_s8(bytes), c);
  c[3] = vshrq_n_s8(bytes, 6);
}

template <class Many> void columns_times_many(const NeuronProduct& p, size_t begin, size_t end) {
  const TernaryProduct tiles = of_tiles(p);
  start_columns(p, end - begin);
  for (size_t first = 0; first < p.count; first += Many::kPiece) {
    const size_t left = p.count - first,
                 count = left < Many::kPiece ? (left + 15) / 16 * 16 : Many::kPiece;
    for (size_t row = begin; row < end; row += kHalfRows) {
      Many::unpack_columns(p, row, first, count, p.scratch);
      Many::multiply(p.scratch, kHalfRows, tiles, first, count, p.out + (row - begin));
    }
  }
}

// ---- SDOT for many tokens

/** Codes as trits_sdot.h multiplies them: [16 rows][columns / 4][row][4]. */
struct ManySdot {
  static constexpr size_t kPiece = kSdotPiece;

  static size_t scratch_bytes(size_t) { return sdot_scratch_bytes<4>(0); }

  /** Four neurons' bytes j to j + 3 are transposed to one register, four columns for each field. */
  static void unpack_rows(const uint8_t* neurons, size_t neuron_bytes, size_t count, size_t columns,
                          uint8_t* scratch) {
    int8_t* to = reinterpret_cast<int8_t*>(scratch);
    for (size_t u = 0; u < count; u += 4, neurons += 4 * neuron_bytes) {
      int8_t* four = to + u / 16 * 16 * columns + u % 16 * 4;
      for (size_t i = 0; i < 4; i++)
        prefetch(neurons + i * neuron_bytes + kLine); // for the next piece
      for (size_t k = 0; k < columns; k += kNeuronTrits)
        for (size_t j = 0; j < kNeuronBytes; j += 16) {
          uint32x4_t w[4];
          for (size_t i = 0; i < 4; i++)
            w[i] = vreinterpretq_u32_u8(vld1q_u8(neurons + i * neuron_bytes + k / 4 + j));
          const uint32x4x2_t ac = vzipq_u32(w[0], w[2]), bd = vzipq_u32(w[1], w[3]);
          for (size_t h = 0; h < 2; h++) {
            const uint32x4x2_t abcd = vzipq_u32(ac.val[h], bd.val[h]);
            for (size_t l = 0; l < 2; l++) {
              int8x16_t c[4];
              row_codes(vreinterpretq_u8_u32(abcd.val[l]), c);
              for (size_t f = 0; f < 4; f++)
                vst1q_s8(four + 16 * (k + row_position(j + 8 * h + 4 * l, f)), c[f]);
            }
          }
        }
    }
  }

  /** Registers 2 L + m of a group: field f is rows 8 f + 4 L of set m, two sets of 16 rows. */
  static void unpack_columns(const NeuronProduct& p, size_t row, size_t first, size_t count,
                             uint8_t* scratch) {
    int8_t* to = reinterpret_cast<int8_t*>(scratch);
    for (size_t i = 0; i < count; i += 4, to += 64) {
      int8x16_t group[4];
      load_group(p, row, first + i, group);
#pragma GCC unroll 4
      for (size_t r = 0; r < 4; r++) {
        int8x16_t c[4];
        column_codes(group[r], c);
#pragma GCC unroll 4
        for (size_t f = 0; f < 4; f++)
          vst1q_s8(to + NeuronRows::of(f, r) / 16 * 16 * count + NeuronRows::of(f, r) % 16 * 4,
                   c[f]);
      }
    }
  }

  static void multiply(uint8_t* scratch, size_t rows, const TernaryProduct& p, size_t k,
                       size_t columns, int32_t* out) {
    trits_times_all(reinterpret_cast<const int8_t*>(scratch), rows, p, k, columns, out);
  }
};

} // namespace
} // namespace bitnet
