// Blocks of attention in the words of lanes.h, bit-equal to vector_scalar.cpp; for vector_generic.h.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../lanes/lanes.h"
#include "vector.h"

namespace bitnet {
namespace {

/** Values d .. d + 16 of a row of the KV cache. */
template <KvType kType> inline Lanes load_cached(const uint8_t* row, size_t head_dim, size_t d) {
  if constexpr (kType == kKvF16) {
    return load_f16(row + 2 * d);
  } else {
    uint16_t half;
    memcpy(&half, row + head_dim + d / 32 * 2, sizeof half);
    const Floats scale = broadcast(float_of_half(half));
    return map([&](Floats v) { return mul(v, scale); }, load_i8(row + d));
  }
}

/**
 * dots[r * kPositions + i] = lanes of q[r] · k[i] for kRows query rows and kWidth / kRows positions,
 * parts kPart and on: as many at a time as stay in registers.
 */
template <KvType kType, int kRows, int kPart>
inline void dots_of_parts(const float* q, const uint8_t* const* k, size_t head_dim, Lanes* dots) {
  constexpr int kPositions = kWidth / kRows;
  Floats acc[kWidth][kPartsTogether];
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++)
#pragma GCC unroll 4
    for (int v = 0; v < kPartsTogether; v++)
      acc[i][v] = broadcast(0.0f);
  for (size_t d = 0; d < head_dim; d += 16) {
#pragma GCC unroll 16
    for (int i = 0; i < kPositions; i++) {
      const Lanes key = load_cached<kType>(k[i], head_dim, d);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < kPartsTogether; v++)
          acc[r * kPositions + i][v] = fma(load(q + r * head_dim + d + kWidth * (kPart + v)),
                                           key.part[kPart + v], acc[r * kPositions + i][v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++)
#pragma GCC unroll 4
    for (int v = 0; v < kPartsTogether; v++)
      dots[i].part[kPart + v] = acc[i][v];
  if constexpr (kPart + kPartsTogether < kParts)
    dots_of_parts<kType, kRows, kPart + kPartsTogether>(q, k, head_dim, dots);
}

/**
 * s[r][j .. j + kWidth / kRows) for kRows query rows: kWidth dots, reduced together. Missing
 * positions repeat the last.
 */
template <KvType kType, int kRows>
inline void scores(const AttentionBlock& b, size_t row, size_t j, float (*s)[64]) {
  constexpr int kPositions = kWidth / kRows;
  const uint8_t* k[kPositions];
  for (int i = 0; i < kPositions; i++) {
    const size_t at = j + i < b.positions ? j + i : b.positions - 1;
    k[i] = at < b.split ? b.k + at * b.row_bytes : b.k_rest + (at - b.split) * b.row_bytes;
  }
  Lanes dots[kWidth];
  dots_of_parts<kType, kRows, 0>(b.q + row * b.head_dim, k, b.head_dim, dots);
  Floats sum[kWidth];
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++)
    sum[i] = fold(dots[i]);
  float result[kWidth];
  store(result, mul(trees(sum), broadcast(b.scale)));
  for (int r = 0; r < kRows; r++)
    memcpy(s[r] + j, result + r * kPositions, kPositions * sizeof(float));
}

/** s[0 .. positions) to exp(s - max), zeros up to a multiple of 16; returns through *m and *l. */
inline void softmax(float* s, size_t positions, float* m, float* l) {
  const float lowest = float_of_bits(0xff800000); // -inf
  Lanes top = lanes_of(lowest);
  for_groups(positions, [&](size_t j, auto some) {
    top = map([](Floats a, Floats b) { return max(a, b); }, top,
              choose(some, load(some, s + j), lowest));
  });
  Floats most = top.part[0];
  for (int i = 1; i < kParts; i++)
    most = max(most, top.part[i]);
  *m = max_of(most);
  Lanes lane = lanes_of(0.0f);
  for_groups(positions, [&](size_t j, auto some) {
    const auto shifted = [&](Floats v) { return exp_approx(sub(v, broadcast(*m))); };
    const Lanes p = choose(some, map(shifted, load(some, s + j)), 0.0f);
    lane = map([](Floats a, Floats b) { return add(a, b); }, lane, p);
    store(All{}, s + j, p);
  });
  *l = tree(lane);
}

/** o[r][d .. d + 16 kGroups) = sum over positions of p[r][j] * v[j][d ..]. */
template <KvType kType, int kRows, int kGroups>
inline void weighted_values(const AttentionBlock& b, size_t row, size_t d, const float (*p)[64]) {
  Lanes acc[kRows][kGroups];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; g++)
      acc[r][g] = lanes_of(0.0f);
  const uint8_t* values = b.v;
  for (size_t j = 0; j < b.positions; j++, values += b.row_bytes) {
    if (j == b.split)
      values = b.v_rest;
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; g++) {
      const Lanes v = load_cached<kType>(values, b.head_dim, d + 16 * g);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; r++)
        acc[r][g] = map([&](Floats value, Floats a) { return fma(broadcast(p[r][j]), value, a); },
                        v, acc[r][g]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; g++)
      store(All{}, b.o + (row + r) * b.head_dim + d + 16 * g, acc[r][g]);
}

template <KvType kType, int kRows> void attend_rows(const AttentionBlock& b, size_t row) {
  constexpr int kGroups = kRows == 1 ? 4 : kGroupsTogether;
  float p[kRows][64];
  for (size_t j = 0; j < b.positions; j += kWidth / kRows)
    scores<kType, kRows>(b, row, j, p);
  for (int r = 0; r < kRows; r++)
    softmax(p[r], b.positions, b.m + row + r, b.l + row + r);
  size_t d = 0;
  for (; d + 16 * kGroups <= b.head_dim; d += 16 * kGroups)
    weighted_values<kType, kRows, kGroups>(b, row, d, p);
  for (; d < b.head_dim; d += 16)
    weighted_values<kType, kRows, 1>(b, row, d, p);
}

template <KvType kType> void attention_block(const AttentionBlock& b) {
  size_t row = 0;
  for (; row + 4 <= b.rows; row += 4)
    attend_rows<kType, 4>(b, row);
  for (; row < b.rows; row++)
    attend_rows<kType, 1>(b, row);
}

void attention_combine(float* m, float* l, float* o, float m2, float l2, const float* o2,
                       size_t head_dim) {
  const float t = *m > m2 ? *m : m2;
  const float a = exp_of_one(*m - t), c = exp_of_one(m2 - t);
  *l = fma(*l, a, l2 * c);
  for (size_t d = 0; d < head_dim; d += 16)
    store(All{}, o + d,
          map([&](Floats v, Floats v2) { return fma(v, broadcast(a), mul(v2, broadcast(c))); },
              load(All{}, o + d), load(All{}, o2 + d)));
  *m = t;
}

} // namespace
} // namespace bitnet
