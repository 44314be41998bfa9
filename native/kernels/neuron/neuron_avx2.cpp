// Products of neurons with VPMADDUBSW on 256-bit registers, for CPUs without VPDPBUSD; see
// neuron_mad2_layout.h for the two layouts, codes_avx2.h and fields_avx2.h for the limits of int16.
#include "../ternary/ternary.h"
#include "neuron.h"

#include "../cpu_features.h"
#include "../ternary/codes_avx2.h"
#include "../ternary/fields_avx2.h"
#include "neuron_avx2.h"
#include "neuron_mad2_layout.h"
#include "neuron_order_x86.h"

namespace bitnet {
namespace {

/** Codes of 32 bytes where they stand: c of fields 0 and 2, 4 c of fields 1 and 3. */
inline void mask_fields(__m256i bytes, __m256i w[kNeuronFields]) {
  const __m256i f0 = _mm256_set1_epi8(0x03), f1 = _mm256_set1_epi8(0x0c);
  const __m256i high = _mm256_srli_epi16(bytes, 4); // bits of the neighbor byte are masked away
  w[0] = _mm256_and_si256(bytes, f0);
  w[1] = _mm256_and_si256(bytes, f1);
  w[2] = _mm256_and_si256(high, f0);
  w[3] = _mm256_and_si256(high, f1);
}

// ---- Rows of up: sums run along the neuron, so activations are vectors and lanes are added up
// last.

// Blocks whose fields 1 and 3, 4c each, are added up in one int16: 16 products, as field 1 allows.
constexpr size_t kBlocks = 8;

/** kNeurons neurons times kTokens tokens, four sums: out[i * out_stride + u] for u < count. */
template <int kNeurons, int kTokens>
void dot_step(const uint8_t* const* neurons, const NeuronStep& step, size_t bytes, const int8_t* q,
              size_t q_stride, const int32_t* q_sum, size_t count, int32_t* out,
              size_t out_stride) {
  __m256i total[kTokens][kNeurons]; // of 4c
#pragma GCC unroll 4
  for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 4
    for (int u = 0; u < kNeurons; u++)
      total[i][u] = _mm256_setzero_si256();
  size_t line = step.line;
  for (size_t first = 0; first < bytes; first += kBlocks * kNeuronBytes) {
    const size_t end =
        bytes - first < kBlocks * kNeuronBytes ? bytes : first + kBlocks * kNeuronBytes;
    __m256i once[kTokens][kNeurons], fourfold[kTokens][kNeurons];
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 4
      for (int u = 0; u < kNeurons; u++)
        once[i][u] = fourfold[i][u] = _mm256_setzero_si256();
    for (size_t block = first; block < end; block += kNeuronBytes, q += kNeuronTrits) {
      fetch(step.ahead, line); // half of four lines
      fetch(step.ahead, line + 1);
      line += 2;
#pragma GCC unroll 4
      for (int u = 0; u < kNeurons; u++) {
        __m256i w[kNeuronFields];
        mask_fields(load(neurons[u] + block), w);
#pragma GCC unroll 4
        for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 4
          for (size_t f = 0; f < kNeuronFields; f++) {
            __m256i& sum = f % 2 ? fourfold[i][u] : once[i][u];
            sum = _mm256_add_epi16(
                sum, _mm256_maddubs_epi16(w[f], load(q + i * q_stride + row_position(0, f))));
          }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 4
      for (int u = 0; u < kNeurons; u++)
        total[i][u] =
            _mm256_add_epi32(total[i][u], _mm256_add_epi32(_mm256_slli_epi32(widen(once[i][u]), 2),
                                                           widen(fourfold[i][u])));
  }
  const auto sum = [&](int j) { return total[j / kNeurons][j % kNeurons]; };
  const __m128i codes = _mm_srai_epi32(lane_sums(sum(0), sum(1), sum(2), sum(3)), 2);
#pragma GCC unroll 4
  for (int i = 0; i < kTokens; i++) {
    const __m128i own = i == 0 ? codes : _mm_srli_si128(codes, 4 * kNeurons % 16);
    store_lanes(out + i * out_stride, _mm_sub_epi32(own, _mm_set1_epi32(q_sum[i])),
                count < kNeurons ? count : kNeurons);
  }
}

void dot(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count, const int8_t* q,
         int32_t q_sum, int32_t* out) {
  const size_t bytes = neuron_bytes(width);
  const auto at = [&](size_t i) { return neurons + static_cast<size_t>(ids[i]) * bytes; };
  for_steps(at, count, bytes, [&](const NeuronStep& step, size_t i) {
    dot_step<4, 1>(step.neuron, step, bytes, q, 0, &q_sum, count - i, out + i, 0);
  });
}

/** Two tokens at a time with two neurons, or the last alone with four. */
void rows_times_few(const NeuronProduct& p, size_t begin, size_t end) {
  const size_t bytes = p.neuron_bytes;
  const auto at = [&](size_t i) { return p.neurons + (begin + i) * bytes; };
  for_steps(at, end - begin, bytes, [&](const NeuronStep& step, size_t row) {
    const size_t count = end - begin - row;
    size_t i = 0;
    for (; i + 2 <= p.n; i += 2)
      for (size_t u = 0; u < 4 && u < count; u += 2)
        dot_step<2, 2>(step.neuron + u, step, bytes, p.q + i * p.q_stride, p.q_stride, p.q_sum + i,
                       count - u, p.out + i * p.out_stride + row + u, p.out_stride);
    if (i < p.n)
      dot_step<4, 1>(step.neuron, step, bytes, p.q + i * p.q_stride, 0, p.q_sum + i, count,
                     p.out + i * p.out_stride + row, 0);
  });
}

constexpr size_t kRowsAhead =
    64; // rows that are multiplied together, and fetched for the next time

/**
 * Columns k .. k + cols - 1 of `count` neurons, at most kRows, as codes [cols / 4][row][4]. The
 * bytes are transposed while they are packed: a vector then holds four columns of eight neurons,
 * four times
 * 32 columns apart. The last neuron stands in for those behind it.
 */
void unpack_rows(const uint8_t* neurons, size_t neuron_bytes, size_t count, size_t k, size_t cols,
                 uint8_t* codes) {
  const __m256i mask = _mm256_set1_epi8(3);
  for (size_t block = k / 4; block < (k + cols) / 4;
       block += kNeuronBytes, codes += kNeuronTrits * 16)
    for (size_t half = 0; half < 2; half++) {
      __m256i v[8];
#pragma GCC unroll 8
      for (size_t u = 0; u < 8; u++) {
        const size_t neuron = 8 * half + u;
        const uint8_t* from =
            neurons + (neuron < count ? neuron : count - 1) * neuron_bytes + block;
        v[u] = load(from);
        prefetch(from + kRowsAhead * neuron_bytes);
      }
      transpose(v);
#pragma GCC unroll 8
      for (size_t d = 0; d < 8; d++) {
        uint8_t* to = codes + d * 64 + 32 * half; // columns 4 d .. 4 d + 3
        store(to, _mm256_and_si256(v[d], mask));
        store(to + 8 * 64, _mm256_and_si256(_mm256_srli_epi16(v[d], 2), mask));
        store(to + 16 * 64, _mm256_and_si256(_mm256_srli_epi16(v[d], 4), mask));
        store(to + 24 * 64, _mm256_and_si256(_mm256_srli_epi16(v[d], 6), mask));
      }
    }
}

/** Rows [begin, begin + rows), a multiple of 16 of which `count` exist, times the tokens of `p`. */
void some_rows_times_many(const NeuronProduct& u, const TernaryProduct& p, size_t begin,
                          size_t rows, size_t count, int32_t* out) {
  alignas(32) uint8_t codes[kRows * kCodesCols];
  const size_t width = u.neuron_bytes / kNeuronBytes * kNeuronTrits;
  start_rows(p, rows, out);
  for (size_t k = 0; k < width; k += kCodesCols) {
    const size_t cols = width - k < kCodesCols ? width - k : kCodesCols;
    for (size_t r = 0; r < rows; r += kRows) {
      unpack_rows(u.neurons + (begin + r) * u.neuron_bytes, u.neuron_bytes, count - r, k, cols,
                  codes);
      codes_times_all(codes, k, cols, p, out + r);
    }
  }
}

void rows_times_many(const NeuronProduct& p, size_t begin, size_t end) {
  const size_t whole = (end - begin) / kRows * kRows;
  for (size_t row = 0; row < whole; row += kRowsAhead) {
    const size_t rows = whole - row < kRowsAhead ? whole - row : kRowsAhead;
    some_rows_times_many(p, tokens_of(p), begin + row, rows, rows, p.out + row);
  }
  if (whole < end - begin)
    last_rows(p, begin + whole, end - begin - whole, p.out + whole, some_rows_times_many);
}

// Up to this many tokens fields are multiplied where they stand.
constexpr size_t kFewTokens = 8;

void rows(const NeuronProduct& p, size_t begin, size_t end) {
  return p.n <= kFewTokens ? rows_times_few(p, begin, end) : rows_times_many(p, begin, end);
}

// ---- Columns of down: four at a time, their bytes interleaved, are four columns of 8-lane fields.

constexpr size_t kRowsOfVector = 32; // 4 fields, 8 lanes: two vectors m are 64 rows

/** acc[0..63] += the share of half a block of the active neurons, two vectors m. */
template <bool kHigh>
void add_half(const ActiveNeurons& active, const uint8_t* const* next, size_t offset,
              int32_t* acc) {
  __m256i sum[2][kNeuronFields];
#pragma GCC unroll 2
  for (int m = 0; m < 2; m++)
#pragma GCC unroll 4
    for (size_t f = 0; f < kNeuronFields; f++)
      sum[m][f] = _mm256_setzero_si256();
  static_assert(kActive <= 64, "16 products of field 1 fit");
  for (size_t i = 0; i < active.count; i += 4) {
    const uint8_t* const* neuron = active.neuron + i;
    __m256i group[2];
    interleave<kHigh>(load(neuron[0] + offset), load(neuron[1] + offset), load(neuron[2] + offset),
                      load(neuron[3] + offset), group);
    prefetch(next[i] + offset);
    const __m256i a = broadcast4(active.q + i);
#pragma GCC unroll 2
    for (int m = 0; m < 2; m++) {
      __m256i w[kNeuronFields];
      mask_fields(group[m], w);
#pragma GCC unroll 4
      for (size_t f = 0; f < kNeuronFields; f++)
        sum[m][f] = _mm256_add_epi16(sum[m][f], _mm256_maddubs_epi16(w[f], a));
    }
  }
#pragma GCC unroll 2
  for (int m = 0; m < 2; m++)
#pragma GCC unroll 4
    for (size_t f = 0; f < kNeuronFields; f++) {
      const __m256i codes = widen(sum[m][f]);
      int32_t* to = acc + m * kRowsOfVector + 8 * f;
      store(to, _mm256_add_epi32(load(to), f % 2 ? _mm256_srai_epi32(codes, 2) : codes));
    }
}

void accumulate(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count,
                const int8_t* q, int32_t* acc) {
  const size_t bytes = neuron_bytes(width);
  for_active(neurons, bytes, ids, count, q,
             [&](const ActiveNeurons& active, const ActiveNeurons& next) {
               for (size_t offset = 0; offset < bytes; offset += kNeuronBytes) {
                 // Every pass fetches lines of a quarter of the next neurons; a line is two blocks.
                 const uint8_t* const* fetched = next.neuron + offset % kLine / kNeuronBytes * 2;
                 int32_t* sums = acc + offset * kNeuronFields;
                 add_half<false>(active, fetched, offset, sums);
                 add_half<true>(active, fetched + 1, offset, sums + 2 * kRowsOfVector);
               }
             });
}

constexpr size_t kStep = 2 * kRowsOfVector;

/**
 * Half a block of up to kCodesCols neurons as fields of 64 rows; neurons that do not exist are
 * zeros.
 */
template <bool kHigh>
void gather(const uint8_t* from, size_t neuron_bytes, size_t count, uint8_t* fields) {
  for (size_t i = 0; i < count; i += 4, from += 4 * neuron_bytes, fields += 64) {
    const auto neuron = [&](size_t u) {
      return i + u < count ? load(from + u * neuron_bytes) : _mm256_setzero_si256();
    };
    __m256i group[2];
    interleave<kHigh>(neuron(0), neuron(1), neuron(2), neuron(3), group);
    store(fields, group[0]);
    store(fields + 32, group[1]);
  }
}

/** Fields f and f + 1 of one of the two vectors of every group, as codes of 16 rows. */
void unpack_columns(const uint8_t* fields, size_t cols, int f, uint8_t* codes) {
  const __m256i mask = _mm256_set1_epi8(3);
  const __m128i shift = _mm_cvtsi32_si128(2 * f);
  for (size_t i = 0; i < cols * 16; i += 64) {
    const __m256i w = _mm256_srl_epi16(load(fields + i), shift);
    store(codes + i, _mm256_and_si256(w, mask));
    store(codes + i + 32, _mm256_and_si256(_mm256_srli_epi16(w, 2), mask));
  }
}

/** Asks for a line of each neuron: they are too far apart for a CPU to foresee. Returns the next
 * neuron.
 */
inline const uint8_t* fetch_neurons(const uint8_t* from, size_t neuron_bytes, size_t count) {
  for (size_t u = 0; u < count; u++, from += neuron_bytes)
    prefetch(from);
  return from;
}

template <bool kHigh> void columns_step(const NeuronProduct& u, size_t row, int32_t* out) {
  alignas(64) uint8_t fields[kCodesCols * kStep / kNeuronFields];
  alignas(64) uint8_t codes[kRows * kCodesCols];
  const TernaryProduct p = tokens_of(u);
  start_rows(p, kStep, out);
  for (size_t k = 0; k < u.count; k += kCodesCols) {
    const size_t count = u.count - k < kCodesCols ? u.count - k : kCodesCols;
    const size_t cols = (count + 3) / 4 * 4;
    const uint8_t* from = u.neurons + k * u.neuron_bytes + row / kNeuronTrits * kNeuronBytes;
    const uint8_t* next = from + kCodesCols * u.neuron_bytes;
    gather<kHigh>(from, u.neuron_bytes, count, fields);
    if (u.n <= kFewTokens) {
      next = fetch_neurons(next, u.neuron_bytes, kCodesCols);
      fields_times_all({fields, cols, 8, kRowsOfVector}, k, p, out);
      continue;
    }
    for (int m = 0; m < 2; m++)
      for (int f = 0; f < 4; f += 2) {
        next = fetch_neurons(next, u.neuron_bytes, kCodesCols / 4);
        unpack_columns(fields + 32 * m, cols, f, codes);
        codes_times_all(codes, k, cols, p, out + m * kRowsOfVector + 8 * f);
      }
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

size_t no_scratch(size_t) {
  return 0;
}

} // namespace

extern const NeuronKernel kNeuronsAvx2;
const NeuronKernel kNeuronsAvx2 = {
    .family = "mad2",
    .isa = "avx2",
    .features = kCpuAvx2,
    .block = kNeuronTrits,
    .break_even = 0.25,
    .neuron_bytes = neuron_bytes,
    .scratch_bytes = no_scratch,
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
