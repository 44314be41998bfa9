// Dense products in the words of lanes.h, in the order that dense.h defines; for dense_<isa>.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../lanes/lanes.h"
#include "dense.h"
#include "dense_types_generic.h"

namespace bitnet {
namespace {

/** Asks for kBytes bytes; past the end of the matrix that is harmless. */
template <size_t kBytes, bool kIntoL1> inline void prefetch_bytes(const uint8_t* p) {
  for (size_t i = 0; i < kBytes; i += 64)
    prefetch<kIntoL1>(p + i);
}

/** kStreams rows times kCount vectors, out[row][vector * out_stride]. */
template <class Type, int kStreams, int kCount>
inline void rows_times_few(const uint8_t* const rows[kStreams], const DenseProduct& p,
                           float* const out[kStreams]) {
  Lanes acc[kStreams][kCount];
#pragma GCC unroll 8
  for (int r = 0; r < kStreams; r++)
#pragma GCC unroll 8
    for (int i = 0; i < kCount; i++)
      acc[r][i] = lanes_of(0.0f);
  for (size_t k = 0; k < p.cols; k += 16 * Type::kGroups) {
    Type unit[kStreams];
#pragma GCC unroll 8
    for (int r = 0; r < kStreams; r++) {
      unit[r].load(rows[r], k, p.cols - k);
      // One vector alone runs at memory speed; with more, computing hides the loads from the
      // prefetchers.
      if (kCount > 1)
        prefetch_bytes<Type::kBytes, true>(rows[r] + k / (16 * Type::kGroups) * Type::kBytes + 512);
    }
    for (int g = 0; g < Type::groups(p.cols - k); g += Type::kTogether) {
#pragma GCC unroll 8
      for (int r = 0; r < kStreams; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < Type::kTogether; j++) {
          const Lanes w = unit[r].group(g, j);
          const float* x = p.x + k + 16 * (g + j);
#pragma GCC unroll 8
          for (int i = 0; i < kCount; i++) // the vector first: GCC then reads it once for all rows
            acc[r][i] = map([](Floats a, Floats b, Floats c) { return fma(a, b, c); },
                            load(All{}, x + i * p.x_stride), w, acc[r][i]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kCount; i++)
#pragma GCC unroll 8
    for (int r = 0; r < kStreams; r++)
      out[r][i * p.out_stride] = tree(acc[r][i]);
}

/**
 * All rows times kCount vectors, straight from the stored rows. The rows in flight are far apart:
 * streams that each go on from row to row are what hardware prefetchers like best (Zen 4, F16: 31
 * GB/s; four adjacent rows 15). Where the rows do not divide, two streams compute the same row.
 */
template <class Type, int kStreams, int kCount>
void few_tokens(const DenseProduct& p, size_t row_begin, size_t row_end) {
  const size_t rows = row_end - row_begin, part = (rows + kStreams - 1) / kStreams;
  for (size_t r = 0; r < part; r++) {
    const uint8_t* in[kStreams];
    float* out[kStreams];
    for (size_t s = 0; s < kStreams; s++) {
      const size_t row = (s * part < rows - part ? s * part : rows - part) + r;
      in[s] = p.rows + (row_begin + row) * p.row_bytes;
      out[s] = p.out + row;
    }
    rows_times_few<Type, kStreams, kCount>(in, p, out);
  }
}

/** Columns [begin, begin + cols) of a row, whole blocks from a unit's begin on, as float. */
template <class Type> void decode_units(const uint8_t* row, size_t begin, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 16 * Type::kGroups) {
    Type unit;
    unit.load(row, begin + k, cols - k);
    for (int g = 0; g < Type::groups(cols - k); g += Type::kTogether) {
#pragma GCC unroll 4
      for (int j = 0; j < Type::kTogether; j++)
        store(All{}, out + k + 16 * (g + j), unit.group(g, j));
    }
  }
}

template <class Type> void decode(const uint8_t* row, size_t cols, float* out) {
  constexpr bool kTail = Type::kGroups == 1; // a block divides cols, other types may have a tail
  const size_t whole = kTail ? cols / 16 * 16 : cols;
  decode_units<Type>(row, 0, whole, out);
  if constexpr (kTail) {
    constexpr size_t kSize = Type::kBytes / 16;
    uint8_t padded[Type::kBytes] = {};
    float values[16];
    memcpy(padded, row + whole * kSize, (cols - whole) * kSize);
    decode_units<Type>(padded, 0, 16, values);
    memcpy(out + whole, values, (cols - whole) * sizeof *out);
  }
}

constexpr size_t kRows = 4;                      // rows of a register tile; and decoded together
constexpr size_t kMost = 24 / kTokens * kTokens; // vectors that share decoded rows
constexpr size_t kChunk = 512;                   // columns decoded at a time: 8 kB of floats

/** acc[part][token][row] += decoded rows times the first kCount of the `tokens` that are left. */
template <size_t kCount>
inline void tile_times_tokens(const float* w /* [kRows, kChunk] */,
                              const float* x /* [tokens, x_stride] */, size_t x_stride, size_t cols,
                              size_t tokens, Floats* acc /* [kParts, kMost, kRows] */) {
  if constexpr (kCount > 1)
    if (tokens < kCount)
      return tile_times_tokens<kCount - 1>(w, x, x_stride, cols, tokens, acc);
#pragma GCC unroll 4
  for (int part = 0; part < kParts; part++) { // one by one, for all of its accumulators are in use
    Floats a[kCount][kRows];
#pragma GCC unroll 8
    for (size_t i = 0; i < kCount; i++)
#pragma GCC unroll 4
      for (size_t r = 0; r < kRows; r++)
        a[i][r] = acc[i * kRows + r];
    size_t k = 0;
    do { // there is a step: with a check before it GCC copies accumulators in each
      Floats v[kCount];
#pragma GCC unroll 8
      for (size_t i = 0; i < kCount; i++)
        v[i] = load(x + i * x_stride + k);
#pragma GCC unroll 4
      for (size_t r = 0; r < kRows; r++) {
        const Floats weights = load(w + r * kChunk + k);
#pragma GCC unroll 8
        for (size_t i = 0; i < kCount; i++)
          a[i][r] = fma(weights, v[i], a[i][r]);
      }
      k += 16;
    } while (k < cols);
#pragma GCC unroll 8
    for (size_t i = 0; i < kCount; i++)
#pragma GCC unroll 4
      for (size_t r = 0; r < kRows; r++)
        acc[i * kRows + r] = a[i][r];
    w += kWidth;
    x += kWidth;
    acc += kMost * kRows;
  }
}

/**
 * Up to kRows rows times up to kMost vectors: rows are decoded chunk by chunk, accumulators wait in
 * memory.
 */
template <class Type>
void rows_times_tokens(const DenseProduct& p, size_t row, size_t rows, const float* x,
                       size_t tokens, float* out) {
  constexpr size_t kChunkBytes = kChunk / (16 * Type::kGroups) * Type::kBytes;
  alignas(64) float w[kRows * kChunk];
  Floats acc[kParts][kMost * kRows];
  for (size_t i = 0; i < tokens * kRows; i++)
    for (int part = 0; part < kParts; part++)
      acc[part][i] = broadcast(0.0f);
  for (size_t k = 0; k < p.cols; k += kChunk) {
    const size_t cols = p.cols - k < kChunk ? p.cols - k : kChunk;
    for (size_t r = 0; r < kRows; r++) { // missing rows repeat the last; their results are dropped
      const uint8_t* from = p.rows + (row + (r < rows ? r : rows - 1)) * p.row_bytes;
      decode_units<Type>(from, k, cols, w + r * kChunk);
      // The next rows' chunk.
      prefetch_bytes<kChunkBytes, false>(from + kRows * p.row_bytes + k / kChunk * kChunkBytes);
    }
    for (size_t i = 0; i < tokens; i += kTokens)
      tile_times_tokens<kTokens>(w, x + i * p.x_stride + k, p.x_stride, cols, tokens - i,
                                 acc[0] + i * kRows);
  }
  for (size_t i = 0; i < tokens; i++)
    for (size_t r = 0; r < rows; r++)
      out[i * p.out_stride + r] =
          tree(each_part<Lanes>([&](int part) { return acc[part][i * kRows + r]; }));
}

/** Rows in blocks that stay in L2 while all vectors pass them. */
template <class Type> void many_tokens(const DenseProduct& p, size_t row_begin, size_t row_end) {
  const size_t kBlock = 32;
  for (size_t block = row_begin; block < row_end; block += kBlock) {
    const size_t end = row_end - block < kBlock ? row_end : block + kBlock;
    for (size_t i = 0; i < p.n; i += kMost)
      for (size_t r = block; r < end; r += kRows)
        rows_times_tokens<Type>(p, r, end - r < kRows ? end - r : kRows, p.x + i * p.x_stride,
                                p.n - i < kMost ? p.n - i : kMost,
                                p.out + i * p.out_stride + (r - row_begin));
  }
}

template <class Type, int kCount>
void product_from(const DenseProduct& p, size_t row_begin, size_t row_end) {
  constexpr int kStreams = kCount == 1 && Type::kGroups == 1 ? kPlainStreams : kBlockStreams;
  if constexpr (kCount > kFewTokens)
    many_tokens<Type>(p, row_begin, row_end);
  else if (p.n == kCount)
    few_tokens<Type, kStreams, kCount>(p, row_begin, row_end);
  else
    product_from<Type, kCount + 1>(p, row_begin, row_end);
}

template <class Type> void product(const DenseProduct& p, size_t row_begin, size_t row_end) {
  product_from<Type, 1>(p, row_begin, row_end);
}

constexpr DenseKernel kernel_for(const char* isa, uint32_t features) {
  return {
      .isa = isa,
      .features = features,
      .product =
          {
              .f32 = product<F32>,
              .f16 = product<F16>,
              .bf16 = product<Bf16>,
              .q8_0 = product<Q8_0>,
              .q6_k = product<Q6_K>,
              .q4_0 = product<Q4_0>,
              .q4_k = product<Q4_K>,
              .q4_1 = product<Q4_1>,
              .q5_0 = product<Q5_0>,
              .q5_1 = product<Q5_1>,
              .q5_k = product<Q5_K>,
              .iq4_nl = product<Iq4Nl>,
          },
      .decode =
          {
              .f32 = decode<F32>,
              .f16 = decode<F16>,
              .bf16 = decode<Bf16>,
              .q8_0 = decode<Q8_0>,
              .q6_k = decode<Q6_K>,
              .q4_0 = decode<Q4_0>,
              .q4_k = decode<Q4_K>,
              .q4_1 = decode<Q4_1>,
              .q5_0 = decode<Q5_0>,
              .q5_1 = decode<Q5_1>,
              .q5_k = decode<Q5_K>,
              .iq4_nl = decode<Iq4Nl>,
          },
  };
}

} // namespace
} // namespace bitnet
