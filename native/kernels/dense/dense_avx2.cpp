// Dense products on 256-bit registers: two registers are the 16 lanes of the defined order.
#include "dense.h"

#include <immintrin.h>
#include <string.h>

#include "../cpu_features.h"
#include "dense_types_avx2.h"

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

/**
 * Two rows times kCount vectors, out[row][vector * out_stride]. Three vectors are 12 accumulators.
 */
template <class Type, int kCount>
inline void rows_times_few(const uint8_t* const rows[2], const DenseProduct& p,
                           float* const out[2]) {
  __m256 low[2][kCount], high[2][kCount];
#pragma GCC unroll 4
  for (int i = 0; i < kCount; i++)
    low[0][i] = low[1][i] = high[0][i] = high[1][i] = _mm256_setzero_ps();
  for (size_t k = 0; k < p.cols; k += 16 * Type::kGroups) {
    Type unit[2];
#pragma GCC unroll 2
    for (int r = 0; r < 2; r++) {
      unit[r].load(rows[r], k, p.cols - k);
      // One vector alone runs at memory speed; with more, computing hides the loads from the
      // prefetchers.
      if (kCount > 1)
        prefetch<Type::kBytes, true>(rows[r] + k / (16 * Type::kGroups) * Type::kBytes + 512);
    }
    for (int g = 0; g < Type::groups(p.cols - k); g += Type::kTogether) {
#pragma GCC unroll 2
      for (int r = 0; r < 2; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < Type::kTogether; j++) {
          const Lanes w = unit[r].group(g, j);
#pragma GCC unroll 4
          for (int i = 0; i < kCount; i++) {
            const float* x = p.x + i * p.x_stride + k + 16 * (g + j);
            low[r][i] = _mm256_fmadd_ps(w.low, _mm256_loadu_ps(x), low[r][i]);
            high[r][i] = _mm256_fmadd_ps(w.high, _mm256_loadu_ps(x + 8), high[r][i]);
          }
        }
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kCount; i++)
    for (int r = 0; r < 2; r++)
      out[r][i * p.out_stride] = tree(low[r][i], high[r][i]);
}

/**
 * All rows times kCount vectors, straight from the stored rows. The two rows in flight are half the
 * range apart: streams that each go on from row to row are what hardware prefetchers like best (Zen
 * 4, F16: 31 GB/s; four adjacent rows 15). For an odd number of rows both streams compute the
 * middle one.
 */
template <class Type, int kCount>
void few_tokens(const DenseProduct& p, size_t row_begin, size_t row_end) {
  const size_t rows = row_end - row_begin, part = (rows + 1) / 2, second = rows - part;
  for (size_t r = 0; r < part; r++) {
    const uint8_t* const in[2] = {p.rows + (row_begin + r) * p.row_bytes,
                                  p.rows + (row_begin + second + r) * p.row_bytes};
    float* const out[2] = {p.out + r, p.out + second + r};
    rows_times_few<Type, kCount>(in, p, out);
  }
}

/** Columns [begin, begin + cols) of a row, whole blocks from a unit's begin on, as float. */
template <class Type> void decode_units(const uint8_t* row, size_t begin, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 16 * Type::kGroups) {
    Type w;
    w.load(row, begin + k, cols - k);
    for (int g = 0; g < Type::groups(cols - k); g += Type::kTogether) {
#pragma GCC unroll 4
      for (int j = 0; j < Type::kTogether; j++) {
        const Lanes lanes = w.group(g, j);
        _mm256_storeu_ps(out + k + 16 * (g + j), lanes.low);
        _mm256_storeu_ps(out + k + 16 * (g + j) + 8, lanes.high);
      }
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

constexpr size_t kRows = 4;    // rows of a register tile, decoded together
constexpr size_t kTokens = 3;  // vectors of a register tile: 12 accumulators of 8 lanes
constexpr size_t kPanels = 8;  // register tiles that share decoded rows
constexpr size_t kChunk = 512; // columns decoded at a time: 8 kB of floats

/** Eight of the lanes: acc[token][row] += decoded rows times vectors. */
template <size_t kCount>
inline void lanes_times_tokens(const float* w /* [kRows, kChunk] */,
                               const float* x /* [kCount, x_stride] */, size_t x_stride,
                               size_t cols, __m256* acc /* [kCount, kRows] */) {
  __m256 a[kCount][kRows];
#pragma GCC unroll 4
  for (size_t i = 0; i < kCount; i++)
    for (size_t r = 0; r < kRows; r++)
      a[i][r] = acc[i * kRows + r];
  for (size_t k = 0; k < cols; k += 16) {
    __m256 v[kCount];
#pragma GCC unroll 4
    for (size_t i = 0; i < kCount; i++)
      v[i] = _mm256_loadu_ps(x + i * x_stride + k);
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; r++) {
      const __m256 weights = _mm256_loadu_ps(w + r * kChunk + k);
#pragma GCC unroll 4
      for (size_t i = 0; i < kCount; i++)
        a[i][r] = _mm256_fmadd_ps(weights, v[i], a[i][r]);
    }
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < kCount; i++)
    for (size_t r = 0; r < kRows; r++)
      acc[i * kRows + r] = a[i][r];
}

template <size_t kCount>
void tile_times_tokens(const float* w, const float* x, size_t x_stride, size_t cols, __m256* low,
                       __m256* high) {
  lanes_times_tokens<kCount>(w, x, x_stride, cols, low);
  lanes_times_tokens<kCount>(w + 8, x + 8, x_stride, cols, high);
}

/**
 * Up to kRows rows times up to kPanels * kTokens vectors: decoded chunk by chunk, accumulators
 * wait in memory.
 */
template <class Type>
void rows_times_tokens(const DenseProduct& p, size_t row, size_t rows, const float* x,
                       size_t tokens, float* out) {
  constexpr size_t kChunkBytes = kChunk / (16 * Type::kGroups) * Type::kBytes;
  alignas(32) float w[kRows * kChunk];
  __m256 low[kPanels * kTokens * kRows], high[kPanels * kTokens * kRows];
  for (size_t i = 0; i < tokens * kRows; i++)
    low[i] = high[i] = _mm256_setzero_ps();
  for (size_t k = 0; k < p.cols; k += kChunk) {
    const size_t cols = p.cols - k < kChunk ? p.cols - k : kChunk;
    for (size_t r = 0; r < kRows;
         r++) { // a missing row repeats the last one; its results are dropped
      const uint8_t* from = p.rows + (row + (r < rows ? r : rows - 1)) * p.row_bytes;
      decode_units<Type>(from, k, cols, w + r * kChunk);
      prefetch<kChunkBytes, false>(from + kRows * p.row_bytes +
                                   k / kChunk * kChunkBytes); // the next rows' chunk
    }
    for (size_t i = 0; i < tokens; i += kTokens) {
      const float* v = x + i * p.x_stride + k;
      __m256 *l = low + i * kRows, *h = high + i * kRows;
      switch (tokens - i) {
      case 1:
        tile_times_tokens<1>(w, v, p.x_stride, cols, l, h);
        break;
      case 2:
        tile_times_tokens<2>(w, v, p.x_stride, cols, l, h);
        break;
      default:
        tile_times_tokens<3>(w, v, p.x_stride, cols, l, h);
        break;
      }
    }
  }
  for (size_t i = 0; i < tokens; i++)
    for (size_t r = 0; r < rows; r++)
      out[i * p.out_stride + r] = tree(low[i * kRows + r], high[i * kRows + r]);
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
    return few_tokens<Type, 1>(p, row_begin, row_end);
  case 2:
    return few_tokens<Type, 2>(p, row_begin, row_end);
  case 3:
    return few_tokens<Type, 3>(p, row_begin, row_end);
  default:
    return many_tokens<Type>(p, row_begin, row_end);
  }
}

} // namespace

extern const DenseKernel kDenseAvx2;
const DenseKernel kDenseAvx2 = {
    .isa = "avx2",
    .features = kCpuAvx2,
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
