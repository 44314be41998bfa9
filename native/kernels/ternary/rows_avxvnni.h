// What the AVX-VNNI ternary kernels share: VPDPBUSD on 256-bit registers and the loop for many
// tokens. Anonymous, like the layouts.
//
// There are 16 registers, and VPDPBUSD takes 4 or 5 cycles while two of them start in each: eight
// accumulators keep it busy, and 12 leave room for weights, mask and activations.
#pragma once
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ternary.h"

namespace bitnet {
namespace {

inline __m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
inline void store(void* p, __m256i v) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), v);
}

/** Four activations of one token in every int32 lane. */
inline __m256i broadcast4(const int8_t* q) {
  int32_t group;
  memcpy(&group, q, sizeof group);
  return _mm256_set1_epi32(group);
}

/**
 * Eight int32 sums. GCC gets a type with int lanes: passing a sum on as __m256i, which has 64-bit
 * lanes, makes it copy and spill every accumulator of a loop.
 */
#if defined(__GNUC__)
using Lanes = int __attribute__((vector_size(32)));
#else
using Lanes = __m256i;
#endif

inline Lanes lanes(__m256i v) {
#if defined(__GNUC__)
  return reinterpret_cast<Lanes>(v);
#else
  return v;
#endif
}

inline __m256i vector(Lanes v) {
#if defined(__GNUC__)
  return reinterpret_cast<__m256i>(v);
#else
  return v;
#endif
}

/** sum + the dot product of four u8 weights and four s8 activations in every int32 lane. */
inline Lanes dot(Lanes sum, __m256i weights, __m256i activations) {
#if defined(_MSC_VER) && !defined(__AVX512VL__) // there the plain name always means AVX-512
  return lanes(_mm256_dpbusd_avx_epi32(vector(sum), weights, activations));
#else
  return lanes(_mm256_dpbusd_epi32(vector(sum), weights, activations));
#endif
}

inline Lanes zero() {
  return lanes(_mm256_setzero_si256());
}

inline void add_to(int32_t* out, __m256i sum) {
  store(out, _mm256_add_epi32(load(out), sum));
}

/** Tokens of one call and where they stand. */
struct Panel {
  const int8_t* q; // [tokens, q_stride], at the first column
  size_t q_stride;
  int32_t* out; // [tokens, out_stride], at the first row; the result is added
  size_t out_stride;
};

/** out = -sum q for a tile of `rows` rows: what codes c = t + 1 count too much. */
inline void start_rows(const TernaryProduct& p, size_t rows, int32_t* out) {
  for (size_t i = 0; i < p.n; i++)
    for (size_t r = 0; r < rows; r += 8)
      store(out + i * p.out_stride + r,
            _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_set1_epi32(p.q_sum[i])));
}

/**
 * Asks for weights that the next piece of a tile needs, into L2. Of several passes over a piece
 * only the first reads memory: it would wait for it, and memory for the others.
 */
inline void fetch(const uint8_t* p) {
  _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
}

/** A line for each group of four columns, `step` bytes from one to the next. */
struct Ahead {
  const uint8_t* bytes;
  size_t step;

  Ahead after(size_t cols) const { return {bytes + cols / 4 * step, step}; }
};

/** Weights of 16 rows, [cols / 4][row][4] bytes: each byte & mask is 2^shift times a code. */
struct Rows16 {
  const uint8_t* bytes;
  size_t cols;
  uint8_t mask;
  int shift;
  Ahead ahead; // fetched meanwhile
};

/**
 * 16 rows times kTokens tokens. Six tokens are 12 accumulators, two vectors of weights, a broadcast
 * and the mask: all 16 registers, 12 VPDPBUSD for 8 loads and 2 ANDs.
 */
template <int kTokens> void rows16_times_tokens(const Rows16& rows, const Panel& p) {
  const __m256i mask = _mm256_set1_epi8(static_cast<char>(rows.mask));
  const uint8_t *bytes = rows.bytes, *ahead = rows.ahead.bytes;
  const int8_t* q = p.q;
  const size_t cols = rows.cols, q_stride = p.q_stride, step = rows.ahead.step;
  Lanes sum[kTokens][2];
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++)
    sum[i][0] = sum[i][1] = zero();
  for (size_t k = 0; k < cols; k += 4) {
    fetch(ahead);
    ahead += step;
    const __m256i w0 = _mm256_and_si256(load(bytes + 16 * k), mask);
    const __m256i w1 = _mm256_and_si256(load(bytes + 16 * k + 32), mask);
#pragma GCC unroll 8
    for (int i = 0; i < kTokens; i++) {
      const __m256i a = broadcast4(q + i * q_stride + k);
      sum[i][0] = dot(sum[i][0], w0, a);
      sum[i][1] = dot(sum[i][1], w1, a);
    }
  }
  const __m128i shift = _mm_cvtsi32_si128(rows.shift);
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++) {
    add_to(p.out + i * p.out_stride, _mm256_sra_epi32(vector(sum[i][0]), shift));
    add_to(p.out + i * p.out_stride + 8, _mm256_sra_epi32(vector(sum[i][1]), shift));
  }
}

inline void rows16_times_panel(const Rows16& rows, size_t tokens, const Panel& p) {
  switch (tokens) {
  case 1:
    return rows16_times_tokens<1>(rows, p);
  case 2:
    return rows16_times_tokens<2>(rows, p);
  case 3:
    return rows16_times_tokens<3>(rows, p);
  case 4:
    return rows16_times_tokens<4>(rows, p);
  case 5:
    return rows16_times_tokens<5>(rows, p);
  default:
    return rows16_times_tokens<6>(rows, p);
  }
}

/**
 * Calls body(tokens, panel) for all tokens at column k: six at a time, 7 to 11 in two halves,
 * because three tokens or fewer are too few accumulators.
 */
template <class Body>
void for_panels(const TernaryProduct& p, size_t k, int32_t* out, const Body& body) {
  for (size_t i = 0; i < p.n;) {
    const size_t left = p.n - i, tokens = left <= 6 ? left : left < 12 ? (left + 1) / 2 : 6;
    body(tokens, Panel{p.q + i * p.q_stride + k, p.q_stride, out + i * p.out_stride, p.out_stride});
    i += tokens;
  }
}

} // namespace
} // namespace bitnet
