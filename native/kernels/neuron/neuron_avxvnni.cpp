// Products of neurons with VPDPBUSD on 256-bit registers; see neuron_base3_layout.h for the two
// layouts. Their blocks of 64 bytes are two halves.
#include "../ternary/ternary.h"
#include "neuron.h"

#include "../cpu_features.h"
#include "../ternary/base3_panel_avxvnni.h"
#include "neuron_avx2.h"
#include "neuron_base3_layout.h"
#include "neuron_order_x86.h"

namespace bitnet {
namespace {

constexpr size_t kHalf = kNeuronBytes / 2;

// ---- Rows of up: sums run along the neuron, so activations are vectors and lanes are added up
// last.

/**
 * Four neurons times one token without extracting a digit, with q[f] as in base3_layout.h:
 *
 *   Σ c a = (3 Σ_f q[f] a[f] - Σ_f q[f + 1] a[f]) / 256      ten VPDPBUSD for 160 weights
 *
 * Eight accumulators, five vectors of activations, q and its double. out[u] for u < count.
 */
void dot_step(const NeuronStep& step, size_t bytes, const int8_t* q, int32_t q_sum, size_t count,
              int32_t* out) {
  Lanes this_digit[4], next_digit[4];
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++)
    this_digit[u] = next_digit[u] = zero();
  size_t line = step.line;
  for (size_t at = 0; at < bytes; at += kHalf) {
    fetch(step.ahead, line); // half of four lines
    fetch(step.ahead, line + 1);
    line += 2;
    const int8_t* from = q + at / kNeuronBytes * kNeuronTrits + at % kNeuronBytes;
    __m256i a[kBase3Fields];
#pragma GCC unroll 5
    for (size_t f = 0; f < kBase3Fields; f++)
      a[f] = load(from + row_position(0, f));
#pragma GCC unroll 4
    for (int u = 0; u < 4; u++) {
      __m256i w = load(step.neuron[u] + at);
#pragma GCC unroll 5
      for (size_t f = 0; f < kBase3Fields; f++) {
        this_digit[u] = dot(this_digit[u], w, a[f]);
        w = times3(w);
        next_digit[u] = dot(next_digit[u], w, a[f]);
      }
    }
  }
  __m256i sum[4];
#pragma GCC unroll 4
  for (int u = 0; u < 4; u++) {
    const __m256i s = vector(this_digit[u]);
    sum[u] = _mm256_sub_epi32(_mm256_add_epi32(_mm256_add_epi32(s, s), s), vector(next_digit[u]));
  }
  const __m128i codes = _mm_srai_epi32(lane_sums(sum[0], sum[1], sum[2], sum[3]), 8);
  store_lanes(out, _mm_sub_epi32(codes, _mm_set1_epi32(q_sum)), count);
}

void dot(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count, const int8_t* q,
         int32_t q_sum, int32_t* out) {
  const size_t bytes = neuron_bytes(width);
  const auto at = [&](size_t i) { return neurons + static_cast<size_t>(ids[i]) * bytes; };
  for_steps(at, count, bytes, [&](const NeuronStep& step, size_t i) {
    dot_step(step, bytes, q, q_sum, count - i, out + i);
  });
}

void rows_times_few(const NeuronProduct& p, size_t begin, size_t end) {
  const auto at = [&](size_t i) { return p.neurons + (begin + i) * p.neuron_bytes; };
  for_steps(at, end - begin, p.neuron_bytes, [&](const NeuronStep& step, size_t row) {
    for (size_t i = 0; i < p.n; i++)
      dot_step(step, p.neuron_bytes, p.q + i * p.q_stride, p.q_sum[i], end - begin - row,
               p.out + i * p.out_stride + row);
  });
}

constexpr size_t kBlockCodes = kNeuronTrits * kRows; // bytes of unpacked codes
constexpr size_t kRowsTogether = 64; // as many blocks are 20 kB of codes, which stay in L1

/**
 * A block of `count` neurons, at most kRows, as codes [kNeuronTrits / 4][row][4]. The bytes are
 * transposed while they are packed: a vector then holds four columns of eight neurons, five times
 * 64 columns apart. The last neuron stands in for those behind it.
 */
void unpack_rows(const uint8_t* from, size_t neuron_bytes, size_t count, uint8_t* codes) {
#pragma GCC unroll 1
  for (size_t part = 0; part < 4; part++) { // eight neurons, 32 bytes
    const size_t first = part / 2 * 8, at = part % 2 * kHalf;
    __m256i v[8];
#pragma GCC unroll 8
    for (size_t u = 0; u < 8; u++) {
      const size_t neuron = first + u;
      v[u] = load(from + (neuron < count ? neuron : count - 1) * neuron_bytes + at);
    }
    transpose(v);
#pragma GCC unroll 8
    for (size_t d = 0; d < 8; d++) // columns at + 4 d .. at + 4 d + 3
      unpack_digits(v[d], codes + (at / 4 + d) * 64 + first * 4, 16 * 64);
  }
}

/** Rows [begin, begin + rows), a multiple of 16 of which `count` exist, times the tokens of `p`. */
void some_rows_times_many(const NeuronProduct& u, const TernaryProduct& p, size_t begin,
                          size_t rows, size_t count, int32_t* out) {
  start_rows(p, rows, out);
  for (size_t block = 0; block < u.neuron_bytes; block += kNeuronBytes) {
    const size_t k = block / kNeuronBytes * kNeuronTrits;
    const uint8_t* from = u.neurons + begin * u.neuron_bytes + block;
    const bool last = block + kNeuronBytes == u.neuron_bytes;
    const Ahead next = {last ? u.neurons + (begin + rows) * u.neuron_bytes : from + kNeuronBytes,
                        u.neuron_bytes};
    for (size_t r = 0; r < rows; r += kRows)
      unpack_rows(from + r * u.neuron_bytes, u.neuron_bytes, count - r,
                  p.scratch + r / kRows * kBlockCodes);
    for_panels(p, k, out, [&](size_t tokens, Panel panel) {
      const bool first = panel.q == p.q + k; // fetches: once is enough
      const uint8_t* codes = p.scratch;
      for (size_t r = 0; r < rows; r += kRows, codes += kBlockCodes, panel.out += kRows) {
        const Ahead ahead = first && r == 0 ? next : Ahead{codes, 0};
        rows16_times_panel({codes, kNeuronTrits, 3, 0, ahead}, tokens, panel);
      }
    });
  }
}

void rows_times_many(const NeuronProduct& p, size_t begin, size_t end) {
  const size_t whole = (end - begin) / kRows * kRows;
  for (size_t row = 0; row < whole;) {
    const size_t left = whole - row;
    // A tile of base3, which may hold the gates, is 80 rows.
    const size_t rows = left == kBase3Rows || left < kRowsTogether ? left : kRowsTogether;
    some_rows_times_many(p, tokens_of(p), begin + row, rows, rows, p.out + row);
    row += rows;
  }
  if (whole < end - begin)
    last_rows(p, begin + whole, end - begin - whole, p.out + whole, some_rows_times_many);
}

// Up to this many tokens telescoping costs less than unpacking.
constexpr size_t kFewTokens = 4;

void rows(const NeuronProduct& p, size_t begin, size_t end) {
  return p.n <= kFewTokens ? rows_times_few(p, begin, end) : rows_times_many(p, begin, end);
}

// ---- Columns of down: four at a time, their bytes interleaved, are four columns of base3 tiles.

/** acc[0..159] += the share of 32 bytes of the active neurons in eight lanes of two tiles m. */
template <bool kHigh>
void add_quarter(const ActiveNeurons& active, const uint8_t* const* next, size_t line,
                 size_t offset, int32_t* acc) {
  Lanes sum[2][6];
#pragma GCC unroll 2
  for (int m = 0; m < 2; m++)
#pragma GCC unroll 6
    for (int f = 0; f < 6; f++)
      sum[m][f] = zero();
  for (size_t i = 0; i < active.count; i += 4) {
    const uint8_t* const* neuron = active.neuron + i;
    __m256i w[2];
    interleave<kHigh>(load(neuron[0] + offset), load(neuron[1] + offset), load(neuron[2] + offset),
                      load(neuron[3] + offset), w);
    prefetch(next[i] + line);
    const __m256i a = broadcast4(active.q + i);
#pragma GCC unroll 2
    for (int m = 0; m < 2; m++)
#pragma GCC unroll 6
      for (int f = 0; f < 6; f++) {
        sum[m][f] = dot(sum[m][f], w[m], a);
        if (f < 5)
          w[m] = times3(w[m]);
      }
  }
#pragma GCC unroll 2
  for (size_t m = 0; m < 2; m++)
    add_telescoped(sum[m], acc + m * kBase3Rows);
}

void accumulate(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count,
                const int8_t* q, int32_t* acc) {
  const size_t bytes = neuron_bytes(width);
  for_active(neurons, bytes, ids, count, q,
             [&](const ActiveNeurons& active, const ActiveNeurons& next) {
               for (size_t line = 0; line < bytes; line += kNeuronBytes)
                 for (size_t half = 0; half < 2; half++) {
                   // Every pass fetches lines of a quarter of the next neurons.
                   const uint8_t* const* fetched = next.neuron + 2 * half;
                   const size_t offset = line + half * kHalf;
                   int32_t* sums = acc + line * kBase3Fields + 8 * half;
                   add_quarter<false>(active, fetched, line, offset, sums);
                   add_quarter<true>(active, fetched + 1, line, offset, sums + 2 * kBase3Rows);
                 }
             });
}

constexpr size_t kStep = 2 * kBase3Rows;

/** Half a block of up to kPiece neurons as two base3 tiles; neurons that do not exist are zeros. */
template <bool kHigh>
void gather(const uint8_t* from, size_t neuron_bytes, size_t count, uint8_t* first,
            uint8_t* second) {
  for (size_t i = 0; i < count; i += 4, from += 4 * neuron_bytes)
#pragma GCC unroll 2
    for (size_t at = 0; at < kNeuronBytes; at += kHalf) {
      const auto neuron = [&](size_t u) {
        return i + u < count ? load(from + u * neuron_bytes + at) : _mm256_setzero_si256();
      };
      __m256i group[2];
      interleave<kHigh>(neuron(0), neuron(1), neuron(2), neuron(3), group);
      store(first + base3_tile_bytes(i) + at, group[0]);
      store(second + base3_tile_bytes(i) + at, group[1]);
    }
}

template <bool kHigh> void columns_step(const NeuronProduct& u, size_t row, int32_t* out) {
  alignas(64) uint8_t tiles[2][kPiece / 4 * kBase3Group];
  const TernaryProduct p = tokens_of(u);
  start_rows(p, kStep, out);
  for (size_t k = 0; k < u.count; k += kPiece) {
    const size_t count = u.count - k < kPiece ? u.count - k : kPiece, cols = (count + 3) / 4 * 4;
    const uint8_t* from = u.neurons + k * u.neuron_bytes + row / kNeuronTrits * kNeuronBytes;
    gather<kHigh>(from, u.neuron_bytes, count, tiles[0], tiles[1]);
    // The neurons of the next piece: pairs fetch half as many with each tile, many tokens more than
    // that, so that some are asked for twice.
    Ahead next = {from + kPiece * u.neuron_bytes, u.neuron_bytes};
    for (size_t m = 0; m < 2; m++, next = next.after(2 * kPiece))
      if (u.n < kUnpackFrom)
        piece_times_pairs(tiles[m], k, cols, p, next, out + m * kBase3Rows);
      else
        piece_times_many(tiles[m], k, cols, p, next, out + m * kBase3Rows);
  }
}

size_t column_step(size_t) {
  return kStep;
}

void columns(const NeuronProduct& p, size_t begin, size_t end) {
  for (size_t row = begin; row < end; row += kStep) {
    const auto step = row % kNeuronTrits == 0 ? columns_step<false> : columns_step<true>;
    step(p, row, p.out + (row - begin));
  }
}

size_t scratch_bytes(size_t) {
  return kNeuronTrits * kBase3Rows; // which is more than kBase3Scratch
}

} // namespace

extern const NeuronKernel kNeuronsAvxVnni;
const NeuronKernel kNeuronsAvxVnni = {
    .family = "base3",
    .isa = "avxvnni",
    .features = kCpuAvx2 | kCpuAvxVnni,
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
