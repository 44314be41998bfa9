// Products of neurons with VPDPBUSD on 512-bit registers; see neuron_base3_layout.h for the two
// layouts.
#include "neuron.h"

#include "../cpu_features.h"
#include "../ternary/base3_panel_avx512.h"
#include "neuron_base3_layout.h"
#include "neuron_order_x86.h"

namespace bitnet {
namespace {

// ---- Rows of up: sums run along the neuron, so activations are vectors and lanes are added up
// last.

/** Sums over the lanes of four vectors. */
inline __m128i lane_sums(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i all =
      _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i half =
      _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/**
 * kNeurons neurons times kTokens tokens without extracting a digit, with q[f] as in base3_layout.h:
 *
 *   Σ c a = (3 Σ_f q[f] a[f] - Σ_f q[f + 1] a[f]) / 256      ten VPDPBUSD for 320 weights
 *
 * out[i * out_stride + u]; kNeurons * kTokens is 4 or 8.
 */
template <int kNeurons, int kTokens>
void dot_step(const NeuronStep& step, size_t bytes, const int8_t* q, size_t q_stride,
              const int32_t* q_sum, __mmask8 wanted, int32_t* out, size_t out_stride) {
  __m512i this_digit[kTokens][kNeurons], next_digit[kTokens][kNeurons];
#pragma GCC unroll 4
  for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 4
    for (int u = 0; u < kNeurons; u++)
      this_digit[i][u] = next_digit[i][u] = _mm512_setzero_si512();
  size_t line = step.line;
  for (size_t block = 0; block < bytes; block += kNeuronBytes, q += kNeuronTrits) {
    __m512i a[kTokens][kBase3Fields];
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 5
      for (size_t f = 0; f < kBase3Fields; f++)
        a[i][f] = _mm512_loadu_si512(q + i * q_stride + row_position(0, f));
#pragma GCC unroll 4
    for (int u = 0; u < kNeurons; u++) {
      __m512i w = _mm512_load_si512(step.neuron[u] + block);
      fetch(step.ahead, line++);
#pragma GCC unroll 5
      for (size_t f = 0; f < kBase3Fields; f++) {
#pragma GCC unroll 4
        for (int i = 0; i < kTokens; i++)
          this_digit[i][u] = _mm512_dpbusd_epi32(this_digit[i][u], w, a[i][f]);
        w = times3(w);
#pragma GCC unroll 4
        for (int i = 0; i < kTokens; i++)
          next_digit[i][u] = _mm512_dpbusd_epi32(next_digit[i][u], w, a[i][f]);
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kTokens; i++) {
    __m512i sum[4];
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++) {
      const __m512i s = this_digit[i][u % kNeurons];
      sum[u] = _mm512_sub_epi32(_mm512_add_epi32(_mm512_add_epi32(s, s), s),
                                next_digit[i][u % kNeurons]);
    }
    const __m128i codes = _mm_srai_epi32(lane_sums(sum[0], sum[1], sum[2], sum[3]), 8);
    _mm_mask_storeu_epi32(out + i * out_stride, wanted,
                          _mm_sub_epi32(codes, _mm_set1_epi32(q_sum[i])));
  }
}

inline __mmask8 first_lanes(size_t count) {
  return static_cast<__mmask8>((1u << (count < 4 ? count : 4)) - 1);
}

void dot(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count, const int8_t* q,
         int32_t q_sum, int32_t* out) {
  const size_t bytes = neuron_bytes(width);
  const auto at = [&](size_t i) { return neurons + static_cast<size_t>(ids[i]) * bytes; };
  for_steps(at, count, bytes, [&](const NeuronStep& step, size_t i) {
    dot_step<4, 1>(step, bytes, q, 0, &q_sum, first_lanes(count - i), out + i, 0);
  });
}

/** Two tokens at a time, or the last alone, telescoping. */
void rows_times_few(const NeuronProduct& p, size_t begin, size_t end) {
  const size_t bytes = p.neuron_bytes;
  const auto at = [&](size_t i) { return p.neurons + (begin + i) * bytes; };
  for_steps(at, end - begin, bytes, [&](const NeuronStep& step, size_t row) {
    const __mmask8 wanted = first_lanes(end - begin - row);
    size_t i = 0;
    for (; i + 2 <= p.n; i += 2)
      dot_step<4, 2>(step, bytes, p.q + i * p.q_stride, p.q_stride, p.q_sum + i, wanted,
                     p.out + i * p.out_stride + row, p.out_stride);
    if (i < p.n)
      dot_step<4, 1>(step, bytes, p.q + i * p.q_stride, p.q_stride, p.q_sum + i, wanted,
                     p.out + i * p.out_stride + row, p.out_stride);
  });
}

/** 16 x 16 int32: lane j of vector i becomes lane i of vector j. */
inline void transpose(__m512i v[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
      // v[4 a + b]: lanes b, 4 + b, 8 + b, 12 + b of neurons 4 a .. 4 a + 3
      v[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
      v[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
#pragma GCC unroll 4
  for (int b = 0; b < 4; b++) {
    const __m512i low01 = _mm512_shuffle_i32x4(v[b], v[4 + b], 0x88);
    const __m512i high01 = _mm512_shuffle_i32x4(v[b], v[4 + b], 0xdd);
    const __m512i low23 = _mm512_shuffle_i32x4(v[8 + b], v[12 + b], 0x88);
    const __m512i high23 = _mm512_shuffle_i32x4(v[8 + b], v[12 + b], 0xdd);
    t[b] = _mm512_shuffle_i32x4(low01, low23, 0x88);
    t[8 + b] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
    t[4 + b] = _mm512_shuffle_i32x4(high01, high23, 0x88);
    t[12 + b] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    v[i] = t[i];
}

/**
 * Blocks [begin, end) of `count` neurons, at most 16, as one of the `fields` of unpacked codes that
 * multiply() takes, from its first vector on. The bytes are transposed while they are packed: a
 * vector then holds four columns of the 16 neurons five times, 64 columns apart. The last neuron
 * stands in for those behind it.
 */
void unpack_rows(const uint8_t* neurons, size_t neuron_bytes, size_t count, size_t begin,
                 size_t end, size_t fields, uint8_t* codes) {
  for (size_t block = begin; block < end; block++, codes += kNeuronTrits * 16 * fields) {
    __m512i v[16];
    for (size_t u = 0; u < 16; u++) {
      const uint8_t* from =
          neurons + (u < count ? u : count - 1) * neuron_bytes + block * kNeuronBytes;
      v[u] = _mm512_load_si512(from);
      prefetch(from + kBase3Rows * neuron_bytes); // of the next 80 neurons
    }
    transpose(v);
    for (size_t j = 0; j < 16; j++)
      unpack_digits(v[j], codes + j * 64 * fields, 16 * 64 * fields);
  }
}

/** `count` rows from `row` on, at most 16 kFields, times all tokens. */
template <int kFields>
void some_rows_times_many(const NeuronProduct& p, size_t row, size_t count, int32_t* out) {
  const size_t blocks = p.neuron_bytes / kNeuronBytes;
  const size_t most = piece_for(p.n) / kNeuronTrits;
  for (size_t block = 0; block < blocks; block += most) {
    const size_t end = blocks - block < most ? blocks : block + most;
    for (size_t f = 0; f < kFields; f++) {
      const size_t first = f * 16 < count ? f * 16 : count - 1;
      unpack_rows(p.neurons + (row + first) * p.neuron_bytes, p.neuron_bytes, count - first, block,
                  end, kFields, p.scratch + f * 64);
    }
    multiply_all<kFields>(
        p.scratch, (end - block) * kNeuronTrits,
        {{p.q + block * kNeuronTrits, p.q_stride, out, p.out_stride}, p.q_sum, count, block > 0},
        p.n);
  }
}

void rows_times_many(const NeuronProduct& p, size_t begin, size_t end) {
  size_t row = begin;
  // Two tiles of mad2, which may hold the gates, are 128 rows.
  for (; end - row >= kBase3Rows && end - row != 128; row += kBase3Rows)
    some_rows_times_many<5>(p, row, kBase3Rows, p.out + (row - begin));
  for (; row < end; row += 64)
    some_rows_times_many<4>(p, row, end - row < 64 ? end - row : 64, p.out + (row - begin));
}

// Up to this many tokens telescoping costs less than unpacking.
constexpr size_t kFewTokens = 4;

void rows(const NeuronProduct& p, size_t begin, size_t end) {
  return p.n <= kFewTokens ? rows_times_few(p, begin, end) : rows_times_many(p, begin, end);
}

size_t scratch_bytes(size_t) {
  return kBase3Scratch;
}

// ---- Columns of down: four at a time, their bytes interleaved, are four columns of base3 tiles.

// Stores whole vectors: compressing into memory takes a hundred cycles on Zen 4.
size_t find_active(const int8_t* q, size_t count, int32_t* ids) {
  size_t active = 0;
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 valid =
        static_cast<__mmask16>(count - i < 16 ? (1u << (count - i)) - 1 : 0xffffu);
    const __mmask16 nonzero =
        _mm_mask_test_epi8_mask(valid, _mm_maskz_loadu_epi8(valid, q + i), _mm_set1_epi8(-1));
    const __m512i index =
        _mm512_add_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                         _mm512_set1_epi32(static_cast<int32_t>(i)));
    _mm512_storeu_si512(ids + active, _mm512_maskz_compress_epi32(nonzero, index));
    active += static_cast<size_t>(__builtin_popcount(nonzero));
  }
  return active;
}

constexpr size_t kTiles = 4; // base3 tiles side by side in kNeuronTrits rows

/** Four times 64 bytes of neurons become a group of four columns in each of kTiles base3 tiles. */
inline void interleave(__m512i a, __m512i b, __m512i c, __m512i d, __m512i group[kTiles]) {
  const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
  group[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
  group[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
  group[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
  group[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
}

/** acc[0..319] += the share of one block of the active neurons. */
void add_block(const ActiveNeurons& active, const ActiveNeurons& next, size_t offset,
               int32_t* acc) {
  __m512i sum[kTiles][6];
#pragma GCC unroll 4
  for (size_t m = 0; m < kTiles; m++)
#pragma GCC unroll 6
    for (int f = 0; f < 6; f++)
      sum[m][f] = _mm512_setzero_si512();
  for (size_t i = 0; i < active.count; i += 4) {
    const __m512i a = broadcast4(active.q + i);
    __m512i w[kTiles];
    interleave(_mm512_load_si512(active.neuron[i] + offset),
               _mm512_load_si512(active.neuron[i + 1] + offset),
               _mm512_load_si512(active.neuron[i + 2] + offset),
               _mm512_load_si512(active.neuron[i + 3] + offset), w);
#pragma GCC unroll 4
    for (size_t u = 0; u < 4; u++)
      prefetch(next.neuron[i + u] + offset);
#pragma GCC unroll 4
    for (size_t m = 0; m < kTiles; m++)
#pragma GCC unroll 6
      for (int f = 0; f < 6; f++) {
        sum[m][f] = _mm512_dpbusd_epi32(sum[m][f], w[m], a);
        if (f < 5)
          w[m] = times3(w[m]);
      }
  }
#pragma GCC unroll 4
  for (size_t m = 0; m < kTiles; m++)
    add_telescoped(sum[m], acc + m * kBase3Rows);
}

void accumulate(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count,
                const int8_t* q, int32_t* acc) {
  const size_t bytes = neuron_bytes(width);
  for_active(neurons, bytes, ids, count, q,
             [&](const ActiveNeurons& active, const ActiveNeurons& next) {
               for (size_t offset = 0; offset < bytes; offset += kNeuronBytes)
                 add_block(active, next, offset, acc + offset * kBase3Fields);
             });
}

// Groups of neurons fetched ahead: their lines are too far apart for a CPU to foresee.
constexpr size_t kGroupsAhead = 16;

/**
 * Neurons i to i + 3, those that exist, in tiles of four columns: of the 320 rows that block
 * `block` holds.
 */
inline void load_group(const NeuronProduct& p, size_t block, size_t i, __m512i group[kTiles]) {
  const uint8_t* from = p.neurons + i * p.neuron_bytes + block * kNeuronBytes;
  const auto neuron = [&](size_t u) {
    return i + u < p.count ? _mm512_load_si512(from + u * p.neuron_bytes) : _mm512_setzero_si512();
  };
  for (size_t u = 0; u < 4; u++)
    prefetch(from + (kGroupsAhead * 4 + u) * p.neuron_bytes);
  interleave(neuron(0), neuron(1), neuron(2), neuron(3), group);
}

// Neurons interleaved at a time for small batches: four tiles of 4 kB.
constexpr size_t kFewNeurons = 256;

void columns_times_few(const NeuronProduct& p, size_t block, int32_t* out) {
  alignas(64) uint8_t tiles[kTiles][kFewNeurons / 4 * kBase3Group];
  start_sums(p.q_sum, p.n, kNeuronTrits, out, p.out_stride);
  for (size_t first = 0; first < p.count; first += kFewNeurons) {
    const size_t count = p.count - first < kFewNeurons ? p.count - first : kFewNeurons;
    for (size_t i = 0; i < count; i += 4) {
      __m512i group[kTiles];
      load_group(p, block, first + i, group);
      for (size_t m = 0; m < kTiles; m++)
        _mm512_store_si512(tiles[m] + i / 4 * kBase3Group, group[m]);
    }
    for (size_t m = 0; m < kTiles; m++)
      telescope_tile(tiles[m], (count + 3) / 4 * 4,
                     {p.q + first, p.q_stride, out + m * kBase3Rows, p.out_stride}, p.n);
  }
}

/**
 * Tile kTile of a block: the three others are interleaved for nothing, which costs less than
 * keeping them.
 */
template <size_t kTile>
void columns_times_many(const NeuronProduct& p, size_t block, int32_t* out) {
  for_pieces(p.count, p.n, [&](size_t first, size_t count) {
    for (size_t i = 0; i < count; i += 4) {
      __m512i group[kTiles];
      load_group(p, block, first + i, group);
      unpack_digits(group[kTile], p.scratch + i * kBase3Rows, 64);
    }
    multiply_all<kBase3Fields>(
        p.scratch, (count + 3) / 4 * 4,
        {{p.q + first, p.q_stride, out, p.out_stride}, p.q_sum, kBase3Rows, first > 0}, p.n);
  });
}

size_t column_step(size_t n) {
  return n < kUnpackFrom ? kNeuronTrits : kBase3Rows;
}

void columns(const NeuronProduct& p, size_t begin, size_t end) {
  constexpr decltype(&columns_times_few) times_many[kTiles] = {
      columns_times_many<0>, columns_times_many<1>, columns_times_many<2>, columns_times_many<3>};
  const bool few = p.n < kUnpackFrom;
  for (size_t row = begin; row < end; row += column_step(p.n)) {
    const auto times = few ? columns_times_few : times_many[row % kNeuronTrits / kBase3Rows];
    times(p, row / kNeuronTrits, p.out + (row - begin));
  }
}

} // namespace

extern const NeuronKernel kNeuronsAvx512Vnni;
const NeuronKernel kNeuronsAvx512Vnni = {
    .family = "base3",
    .isa = "avx512vnni",
    .features = kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    .block = kNeuronTrits,
    .break_even = 0.45,
    .neuron_bytes = neuron_bytes,
    .scratch_bytes = scratch_bytes,
    .pack_up = pack_row,
    .up_some = dot,
    .up_all = rows,
    .pack_down = pack_columns,
    .find_active = find_active,
    .down_some = accumulate,
    .down_step = column_step,
    .down_all = columns,
};

} // namespace bitnet
