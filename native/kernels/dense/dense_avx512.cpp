// Dense products on 512-bit registers: one register is the 16 lanes of the defined order.
#include "dense.h"

#include <immintrin.h>
#include <string.h>

#include "../cpu_features.h"
#include "dense_types_avx512.h"

namespace bitnet {
namespace {

/** Asks for kBytes bytes; past the end of the matrix that is harmless. */
template <size_t kBytes, bool kIntoL1> inline void prefetch(const uint8_t* p) {
  for (size_t i = 0; i < kBytes; i += 64) {
    const char* line = reinterpret_cast<const char*>(p + i);
    if (kIntoL1)
      _mm_prefetch(line, _MM_HINT_T0);
    else
      _mm_prefetch(line, _MM_HINT_T1);
  }
}

/** kStreams rows times kCount vectors, out[row][vector * out_stride]. */
template <class Type, int kStreams, int kCount>
inline void rows_times_few(const uint8_t* const rows[kStreams], const DenseProduct& p,
                           float* const out[kStreams]) {
  __m512 acc[kStreams][kCount];
#pragma GCC unroll 8
  for (int r = 0; r < kStreams; r++)
    for (int i = 0; i < kCount; i++)
      acc[r][i] = _mm512_setzero_ps();
  for (size_t k = 0; k < p.cols; k += 16 * Type::kGroups) {
    Type unit[kStreams];
#pragma GCC unroll 8
    for (int r = 0; r < kStreams; r++) {
      unit[r].load(rows[r], k, p.cols - k);
      // One vector alone runs at memory speed; with more, computing hides the loads from the
      // prefetchers.
      if (kCount > 1)
        prefetch<Type::kBytes, true>(rows[r] + k / (16 * Type::kGroups) * Type::kBytes + 512);
    }
    for (int g = 0; g < Type::groups(p.cols - k); g += Type::kTogether) {
#pragma GCC unroll 8
      for (int r = 0; r < kStreams; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < Type::kTogether; j++) {
          const __m512 w = unit[r].group(g, j);
          const float* x = p.x + k + 16 * (g + j);
#pragma GCC unroll 8
          for (int i = 0; i < kCount; i++)
            acc[r][i] = _mm512_fmadd_ps(w, _mm512_loadu_ps(x + i * p.x_stride), acc[r][i]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kStreams; r++)
    for (int i = 0; i < kCount; i++)
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
    Type w;
    w.load(row, begin + k, cols - k);
    for (int g = 0; g < Type::groups(cols - k); g += Type::kTogether) {
#pragma GCC unroll 4
      for (int j = 0; j < Type::kTogether; j++)
        _mm512_storeu_ps(out + k + 16 * (g + j), w.group(g, j));
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

constexpr size_t kRows = 4;    // rows of a register tile; and decoded together
constexpr int kTokens = 6;     // vectors of a register tile: 24 accumulators
constexpr size_t kPanels = 4;  // register tiles that share decoded rows
constexpr size_t kChunk = 512; // columns decoded at a time: 8 kB of floats

/** acc[token][row] += decoded rows times vectors. */
template <int kCount>
void tile_times_tokens(const float* w /* [kRows, kChunk] */,
                       const float* x /* [kCount, x_stride] */, size_t x_stride, size_t cols,
                       __m512* acc /* [kCount, kRows] */) {
  __m512 a[kCount][kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kCount; i++)
    for (size_t r = 0; r < kRows; r++)
      a[i][r] = acc[i * kRows + r];
  for (size_t k = 0; k < cols; k += 16) {
    const __m512 w0 = _mm512_load_ps(w + k), w1 = _mm512_load_ps(w + kChunk + k);
    const __m512 w2 = _mm512_load_ps(w + 2 * kChunk + k), w3 = _mm512_load_ps(w + 3 * kChunk + k);
#pragma GCC unroll 8
    for (int i = 0; i < kCount; i++) {
      const __m512 v = _mm512_loadu_ps(x + i * x_stride + k);
      a[i][0] = _mm512_fmadd_ps(w0, v, a[i][0]);
      a[i][1] = _mm512_fmadd_ps(w1, v, a[i][1]);
      a[i][2] = _mm512_fmadd_ps(w2, v, a[i][2]);
      a[i][3] = _mm512_fmadd_ps(w3, v, a[i][3]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kCount; i++)
    for (size_t r = 0; r < kRows; r++)
      acc[i * kRows + r] = a[i][r];
}

void tile_times_panel(const float* w, const float* x, size_t x_stride, size_t cols, size_t tokens,
                      __m512* acc) {
  switch (tokens) {
  case 1:
    return tile_times_tokens<1>(w, x, x_stride, cols, acc);
  case 2:
    return tile_times_tokens<2>(w, x, x_stride, cols, acc);
  case 3:
    return tile_times_tokens<3>(w, x, x_stride, cols, acc);
  case 4:
    return tile_times_tokens<4>(w, x, x_stride, cols, acc);
  case 5:
    return tile_times_tokens<5>(w, x, x_stride, cols, acc);
  default:
    return tile_times_tokens<6>(w, x, x_stride, cols, acc);
  }
}

/**
 * Up to kRows rows times up to kPanels * kTokens vectors: rows are decoded chunk by chunk,
 * accumulators wait in memory.
 */
template <class Type>
void rows_times_tokens(const DenseProduct& p, size_t row, size_t rows, const float* x,
                       size_t tokens, float* out) {
  constexpr size_t kChunkBytes = kChunk / (16 * Type::kGroups) * Type::kBytes;
  alignas(64) float w[kRows * kChunk];
  __m512 acc[kPanels * kTokens * kRows];
  for (size_t i = 0; i < tokens * kRows; i++)
    acc[i] = _mm512_setzero_ps();
  for (size_t k = 0; k < p.cols; k += kChunk) {
    const size_t cols = p.cols - k < kChunk ? p.cols - k : kChunk;
    for (size_t r = 0; r < kRows;
         r++) { // a missing row repeats the last one; its results are dropped
      const uint8_t* from = p.rows + (row + (r < rows ? r : rows - 1)) * p.row_bytes;
      decode_units<Type>(from, k, cols, w + r * kChunk);
      prefetch<kChunkBytes, false>(from + kRows * p.row_bytes +
                                   k / kChunk * kChunkBytes); // the next rows' chunk
    }
    for (size_t i = 0; i < tokens; i += kTokens)
      tile_times_panel(w, x + i * p.x_stride + k, p.x_stride, cols,
                       tokens - i < kTokens ? tokens - i : kTokens, acc + i * kRows);
  }
  for (size_t i = 0; i < tokens; i++)
    for (size_t r = 0; r < rows; r++)
      out[i * p.out_stride + r] = tree(acc[i * kRows + r]);
}

/** Rows in blocks that stay in L2 while all vectors pass them. */
template <class Type> void many_tokens(const DenseProduct& p, size_t row_begin, size_t row_end) {
  const size_t kBlock = 32, most = kPanels * kTokens;
  for (size_t block = row_begin; block < row_end; block += kBlock) {
    const size_t end = row_end - block < kBlock ? row_end : block + kBlock;
    for (size_t i = 0; i < p.n; i += most)
      for (size_t r = block; r < end; r += kRows)
        rows_times_tokens<Type>(p, r, end - r < kRows ? end - r : kRows, p.x + i * p.x_stride,
                                p.n - i < most ? p.n - i : most,
                                p.out + i * p.out_stride + (r - row_begin));
  }
}

template <class Type> void product(const DenseProduct& p, size_t row_begin, size_t row_end) {
  switch (p.n) {
  case 1:
    return few_tokens<Type, Type::kStreams, 1>(p, row_begin, row_end);
  case 2:
    return few_tokens<Type, 4, 2>(p, row_begin, row_end);
  case 3:
    return few_tokens<Type, 4, 3>(p, row_begin, row_end);
  case 4:
    return few_tokens<Type, 4, 4>(p, row_begin, row_end);
  case 5:
    return few_tokens<Type, 4, 5>(p, row_begin, row_end);
  case 6:
    return few_tokens<Type, 4, 6>(p, row_begin, row_end);
  default:
    return many_tokens<Type>(p, row_begin, row_end);
  }
}

} // namespace

extern const DenseKernel kDenseAvx512;
const DenseKernel kDenseAvx512 = {
    .isa = "avx512",
    .features = kCpuAvx2 | kCpuAvx512,
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

} // namespace bitnet
