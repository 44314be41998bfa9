// Products of units with VPDPBUSD on 512-bit registers; see units_layout.h for the two layouts.
#include "ternary.h"

#include "../cpu_features.h"
#include "base3_panel_avx512.h"
#include "units_layout.h"

#if defined(_MSC_VER)
#define BITNET_NOINLINE __declspec(noinline)
#else
#define BITNET_NOINLINE __attribute__((noinline))
#endif

namespace bitnet {
namespace {

// ---- Row units: sums run along the unit, so activations are vectors and lanes are added up last.

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

/** Into L2: more lines can be under way to it than to L1 (Zen 4: a quarter more of scattered
 * units). */
inline void prefetch(const uint8_t* line) {
  _mm_prefetch(reinterpret_cast<const char*>(line), _MM_HINT_T1);
}

// Units whose lines are fetched together, all at one block before the next block: memory answers
// scattered units in this order half again as fast as unit by unit.
constexpr size_t kFetch = 16;

/** Four units to multiply, and what to fetch meanwhile: as many lines, from number `line` on. */
struct UnitStep {
  const uint8_t* unit[4];
  const uint8_t* const* ahead; // [kFetch]
  size_t line;
};

inline void fetch(const uint8_t* const* units /* [kFetch] */, size_t line) {
  prefetch(units[line % kFetch] + line / kFetch * kUnitBlock);
}

/**
 * kUnits units times kTokens tokens without extracting a digit: with q[f] as base3_layout.h has it,
 * Σ c a = (3 Σ_f q[f] a[f] - Σ_f q[f + 1] a[f]) / 256, ten VPDPBUSD for 320 weights.
 * out[i * out_stride + u]; kUnits * kTokens is 4 or 8.
 */
template <int kUnits, int kTokens>
void dot_step(const UnitStep& step, size_t bytes, const int8_t* q, size_t q_stride,
              const int32_t* q_sum, __mmask8 wanted, int32_t* out, size_t out_stride) {
  __m512i this_digit[kTokens][kUnits], next_digit[kTokens][kUnits];
#pragma GCC unroll 4
  for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 4
    for (int u = 0; u < kUnits; u++)
      this_digit[i][u] = next_digit[i][u] = _mm512_setzero_si512();
  size_t line = step.line;
  for (size_t block = 0; block < bytes; block += kUnitBlock, q += kUnitPad) {
    __m512i a[kTokens][kBase3Fields];
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 5
      for (size_t f = 0; f < kBase3Fields; f++)
        a[i][f] = _mm512_loadu_si512(q + i * q_stride + row_position(0, f));
#pragma GCC unroll 4
    for (int u = 0; u < kUnits; u++) {
      __m512i w = _mm512_load_si512(step.unit[u] + block);
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
      const __m512i s = this_digit[i][u % kUnits];
      sum[u] =
          _mm512_sub_epi32(_mm512_add_epi32(_mm512_add_epi32(s, s), s), next_digit[i][u % kUnits]);
    }
    const __m128i codes = _mm_srai_epi32(lane_sums(sum[0], sum[1], sum[2], sum[3]), 8);
    _mm_mask_storeu_epi32(out + i * out_stride, wanted,
                          _mm_sub_epi32(codes, _mm_set1_epi32(q_sum[i])));
  }
}

/** Calls body(step, i) for every four of at(0..count); the last unit stands in for those behind it.
 */
template <class At, class Body> void for_steps(At at, size_t count, size_t bytes, Body body) {
  const uint8_t* ahead[kFetch];
  UnitStep step;
  step.ahead = ahead;
  for (size_t i = 0; i < count; i += 4) {
    if (i % kFetch == 0) {
      for (size_t u = 0; u < kFetch; u++)
        ahead[u] = at(i + u < count ? i + u : count - 1);
      if (i == 0)
        for (size_t line = 0; line < kFetch * (bytes / kUnitBlock); line++)
          fetch(ahead, line);
      for (size_t u = 0; u < kFetch; u++)
        ahead[u] = at(i + kFetch + u < count ? i + kFetch + u : count - 1);
    }
    for (size_t u = 0; u < 4; u++)
      step.unit[u] = at(i + u < count ? i + u : count - 1);
    step.line = i % kFetch * (bytes / kUnitBlock);
    body(step, i);
  }
}

inline __mmask8 first_lanes(size_t count) {
  return static_cast<__mmask8>((1u << (count < 4 ? count : 4)) - 1);
}

void dot(const uint8_t* units, size_t width, const int32_t* ids, size_t count, const int8_t* q,
         int32_t q_sum, int32_t* out) {
  const size_t bytes = unit_bytes(width);
  const auto at = [&](size_t i) { return units + static_cast<size_t>(ids[i]) * bytes; };
  for_steps(at, count, bytes, [&](const UnitStep& step, size_t i) {
    dot_step<4, 1>(step, bytes, q, 0, &q_sum, first_lanes(count - i), out + i, 0);
  });
}

/** Two tokens at a time, or the last alone, telescoping. */
void rows_times_few(const UnitProduct& p, size_t begin, size_t end) {
  const size_t bytes = p.unit_bytes;
  const auto at = [&](size_t i) { return p.units + (begin + i) * bytes; };
  for_steps(at, end - begin, bytes, [&](const UnitStep& step, size_t row) {
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

// Units unpacked at a time: 16 of 2560 weights are 41 kB of codes, which stay in L2 while all
// tokens pass; four of them and six tokens are 26 kB, which stay in L1 for a step.
constexpr size_t kRowTile = 16;

/**
 * out[i][0..3] of every token. A function of its own, through memory: inlined, GCC 12 stores every
 * sum in every round of the loop before it.
 */
BITNET_NOINLINE void store_rows(const __m512i sum[][4], int tokens, const Panel& p,
                                const int32_t* q_sum, __mmask8 wanted) {
  for (int i = 0; i < tokens; i++)
    _mm_mask_storeu_epi32(p.out + static_cast<size_t>(i) * p.out_stride, wanted,
                          _mm_sub_epi32(lane_sums(sum[i][0], sum[i][1], sum[i][2], sum[i][3]),
                                        _mm_set1_epi32(q_sum[i])));
}

/**
 * Four unpacked units times kTokens tokens: six tokens are 24 accumulators, four vectors of codes
 * and one of activations.
 */
template <int kTokens>
void multiply_rows(const uint8_t* codes /* [4, width] */, size_t width, const Panel& p,
                   const int32_t* q_sum, __mmask8 wanted) {
  // One array per unit: GCC keeps an array of arrays on the stack here.
  __m512i sum0[kTokens], sum1[kTokens], sum2[kTokens], sum3[kTokens];
#pragma GCC unroll 6
  for (int i = 0; i < kTokens; i++)
    sum0[i] = sum1[i] = sum2[i] = sum3[i] = _mm512_setzero_si512();
  for (size_t k = 0; k < width; k += 64) {
    const __m512i w0 = _mm512_load_si512(codes + k), w1 = _mm512_load_si512(codes + width + k);
    const __m512i w2 = _mm512_load_si512(codes + 2 * width + k);
    const __m512i w3 = _mm512_load_si512(codes + 3 * width + k);
#pragma GCC unroll 6
    for (int i = 0; i < kTokens; i++) {
      const __m512i a = _mm512_loadu_si512(p.q + i * p.q_stride + k);
      sum0[i] = _mm512_dpbusd_epi32(sum0[i], w0, a);
      sum1[i] = _mm512_dpbusd_epi32(sum1[i], w1, a);
      sum2[i] = _mm512_dpbusd_epi32(sum2[i], w2, a);
      sum3[i] = _mm512_dpbusd_epi32(sum3[i], w3, a);
    }
  }
  __m512i sum[kTokens][4];
#pragma GCC unroll 6
  for (int i = 0; i < kTokens; i++) {
    sum[i][0] = sum0[i];
    sum[i][1] = sum1[i];
    sum[i][2] = sum2[i];
    sum[i][3] = sum3[i];
  }
  store_rows(sum, kTokens, p, q_sum, wanted);
}

void multiply_rows_panel(const uint8_t* codes, size_t width, size_t tokens, const Panel& p,
                         const int32_t* q_sum, __mmask8 wanted) {
  switch (tokens) {
  case 1:
    return multiply_rows<1>(codes, width, p, q_sum, wanted);
  case 2:
    return multiply_rows<2>(codes, width, p, q_sum, wanted);
  case 3:
    return multiply_rows<3>(codes, width, p, q_sum, wanted);
  case 4:
    return multiply_rows<4>(codes, width, p, q_sum, wanted);
  case 5:
    return multiply_rows<5>(codes, width, p, q_sum, wanted);
  default:
    return multiply_rows<6>(codes, width, p, q_sum, wanted);
  }
}

void rows_times_many(const UnitProduct& p, size_t begin, size_t end) {
  const size_t bytes = p.unit_bytes, width = bytes * kBase3Fields;
  for (size_t row = begin; row < end; row += kRowTile) {
    const size_t count = end - row < kRowTile ? end - row : kRowTile;
    for (size_t u = 0; u < count; u++)
      for (size_t block = 0; block < bytes; block += kUnitBlock)
        unpack_digits(_mm512_load_si512(p.units + (row + u) * bytes + block),
                      p.scratch + u * width + block * kBase3Fields, 64);
    const Panel all = {p.q, p.q_stride, p.out + (row - begin), p.out_stride};
    size_t done = 0;
    for_panels(all, p.n, 6, [&](size_t tokens, const Panel& panel) {
      for (size_t u = 0; u < count; u += 4)
        multiply_rows_panel(p.scratch + u * width, width, tokens,
                            {panel.q, panel.q_stride, panel.out + u, panel.out_stride},
                            p.q_sum + done, first_lanes(count - u));
      done += tokens;
    });
  }
}

// Up to this many tokens telescoping costs less than unpacking.
constexpr size_t kFewTokens = 4;

void rows(const UnitProduct& p, size_t begin, size_t end) {
  return p.n <= kFewTokens ? rows_times_few(p, begin, end) : rows_times_many(p, begin, end);
}

size_t scratch_bytes(size_t width) {
  const size_t codes = kRowTile * unit_bytes(width) * kBase3Fields;
  return codes > kBase3Scratch ? codes : kBase3Scratch;
}

// ---- Column units: four at a time, their bytes interleaved, are four columns of base3 tiles.

// Stores whole vectors: compressing into memory takes a hundred cycles on Zen 4.
size_t find_live(const int8_t* q, size_t count, int32_t* ids) {
  size_t live = 0;
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 valid =
        static_cast<__mmask16>(count - i < 16 ? (1u << (count - i)) - 1 : 0xffffu);
    const __mmask16 nonzero =
        _mm_mask_test_epi8_mask(valid, _mm_maskz_loadu_epi8(valid, q + i), _mm_set1_epi8(-1));
    const __m512i index =
        _mm512_add_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                         _mm512_set1_epi32(static_cast<int32_t>(i)));
    _mm512_storeu_si512(ids + live, _mm512_maskz_compress_epi32(nonzero, index));
    live += static_cast<size_t>(__builtin_popcount(nonzero));
  }
  return live;
}

constexpr size_t kTiles = 4; // base3 tiles side by side in kUnitPad rows

/** Four times 64 bytes of units become a group of four columns in each of kTiles base3 tiles. */
inline void interleave(__m512i a, __m512i b, __m512i c, __m512i d, __m512i group[kTiles]) {
  const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
  group[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
  group[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
  group[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
  group[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
}

// Live units taken together: all their lines at one block are read before the next block, so that
// the sums of 320 rows stay in registers, while the lines of the next ones are fetched.
constexpr size_t kLive = 64;

struct LiveUnits {
  const uint8_t* unit[kLive];
  alignas(64) int8_t q[kLive];
  size_t count; // a multiple of 4: the last unit with q = 0 pads it
};

void take_live(const uint8_t* units, size_t bytes, const int32_t* ids, size_t count,
               const int8_t* q, LiveUnits* live) {
  const size_t some = count < kLive ? count : kLive;
  live->count = (some + 3) / 4 * 4;
  for (size_t i = 0; i < live->count; i++) {
    const size_t id = static_cast<size_t>(ids[i < some ? i : some - 1]);
    live->unit[i] = units + id * bytes;
    live->q[i] = i < some ? q[id] : int8_t{0};
  }
}

/** acc[0..319] += the share of one block of the live units. */
void add_block(const LiveUnits& live, const LiveUnits& next, size_t offset, int32_t* acc) {
  __m512i sum[kTiles][6];
#pragma GCC unroll 4
  for (size_t m = 0; m < kTiles; m++)
#pragma GCC unroll 6
    for (int f = 0; f < 6; f++)
      sum[m][f] = _mm512_setzero_si512();
  for (size_t i = 0; i < live.count; i += 4) {
    const __m512i a = broadcast4(live.q + i);
    __m512i w[kTiles];
    interleave(_mm512_load_si512(live.unit[i] + offset),
               _mm512_load_si512(live.unit[i + 1] + offset),
               _mm512_load_si512(live.unit[i + 2] + offset),
               _mm512_load_si512(live.unit[i + 3] + offset), w);
#pragma GCC unroll 4
    for (size_t u = 0; u < 4; u++)
      prefetch(next.unit[i + u] + offset);
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

void accumulate(const uint8_t* units, size_t width, const int32_t* ids, size_t count,
                const int8_t* q, int32_t* acc) {
  const size_t bytes = unit_bytes(width);
  LiveUnits lists[2];
  if (count == 0)
    return;
  take_live(units, bytes, ids, count, q, &lists[0]);
  for (size_t offset = 0; offset < bytes; offset += kUnitBlock)
    for (size_t i = 0; i < lists[0].count; i++)
      prefetch(lists[0].unit[i] + offset);
  for (size_t first = 0; first < count; first += kLive) {
    const LiveUnits& live = lists[first / kLive % 2];
    LiveUnits& next = lists[first / kLive % 2 ^ 1];
    const size_t following = first + kLive < count ? first + kLive : first;
    take_live(units, bytes, ids + following, count - following, q, &next);
    for (size_t i = next.count; i < live.count; i++)
      next.unit[i] = next.unit[0]; // nothing more to fetch
    for (size_t offset = 0; offset < bytes; offset += kUnitBlock)
      add_block(live, next, offset, acc + offset * kBase3Fields);
  }
}

void columns(const UnitProduct& p, size_t begin, size_t end) {
  alignas(64) uint8_t tiles[kTiles][kPiece / 4 * kBase3Group];
  start_sums(p.q_sum, p.n, end - begin, p.out, p.out_stride);
  for (size_t row = begin; row < end; row += kUnitPad)
    for (size_t first = 0; first < p.count; first += kPiece) {
      const size_t count = p.count - first < kPiece ? p.count - first : kPiece;
      for (size_t i = 0; i < count; i += 4) {
        const uint8_t* from = p.units + (first + i) * p.unit_bytes + row / kUnitPad * kUnitBlock;
        const auto unit = [&](size_t u) {
          return i + u < count ? _mm512_load_si512(from + u * p.unit_bytes)
                               : _mm512_setzero_si512();
        };
        __m512i group[kTiles];
        interleave(unit(0), unit(1), unit(2), unit(3), group);
        for (size_t m = 0; m < kTiles; m++)
          _mm512_store_si512(tiles[m] + i / 4 * kBase3Group, group[m]);
      }
      for (size_t m = 0; m < kTiles; m++)
        add_tile(tiles[m], (count + 3) / 4 * 4,
                 {p.q + first, p.q_stride, p.out + (row - begin) + m * kBase3Rows, p.out_stride},
                 p.n, p.scratch);
    }
}

} // namespace

extern const UnitKernel kUnitsAvx512Vnni;
const UnitKernel kUnitsAvx512Vnni = {
    "base3",    "avx512vnni",  kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    unit_bytes, scratch_bytes, pack_row,
    dot,        rows,          pack_columns,
    find_live,  accumulate,    columns,
};

} // namespace bitnet
