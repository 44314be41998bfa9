// Dense products on 128-bit registers, in the 16-lane order that dense.h defines.
#include "dense.h"

#include <arm_neon.h>
#include <string.h>

#include "../cpu_features.h"
#include "dense_types_neon.h"

namespace bitnet {
namespace {

/**
 * kRows rows times one vector. Four rows are 16 accumulators: the latency of FMLA on four pipes.
 */
template <class Type, int kRows>
void rows_times_vector(const uint8_t* row, size_t row_bytes, size_t cols, const float* x,
                       float* out) {
  float32x4_t acc[kRows][4];
  for (int r = 0; r < kRows; r++)
    for (int i = 0; i < 4; i++)
      acc[r][i] = vdupq_n_f32(0);
  for (size_t k = 0; k < cols; k += 16 * Type::kGroups) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; r++) {
      const Type w = Type::at(row + r * row_bytes, k);
#pragma GCC unroll 2
      for (int g = 0; g < Type::kGroups; g += Type::kTogether) {
#pragma GCC unroll 4
        for (int j = 0; j < Type::kTogether; j++) {
          const Lanes lanes = w.group(g, j);
          for (int i = 0; i < 4; i++)
            acc[r][i] = vfmaq_f32(acc[r][i], lanes.v[i], vld1q_f32(x + k + 16 * (g + j) + 4 * i));
        }
      }
    }
  }
  for (int r = 0; r < kRows; r++)
    out[r] = tree(acc[r]);
}

/** Columns [begin, begin + cols) of a row, whole units, as float. */
template <class Type> void decode_units(const uint8_t* row, size_t begin, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 16 * Type::kGroups) {
    const Type w = Type::at(row, begin + k);
#pragma GCC unroll 2
    for (int g = 0; g < Type::kGroups; g += Type::kTogether) {
#pragma GCC unroll 4
      for (int j = 0; j < Type::kTogether; j++) {
        const Lanes lanes = w.group(g, j);
        for (int i = 0; i < 4; i++)
          vst1q_f32(out + k + 16 * (g + j) + 4 * i, lanes.v[i]);
      }
    }
  }
}

template <class Type> void decode(const uint8_t* row, size_t cols, float* out) {
  const size_t unit = 16 * Type::kGroups, whole = cols / unit * unit;
  decode_units<Type>(row, 0, whole, out);
  if constexpr (Type::kSize > 0) { // a block divides cols, other types may have a tail
    uint8_t padded[16 * Type::kSize] = {};
    float values[16];
    memcpy(padded, row + whole * Type::kSize, (cols - whole) * Type::kSize);
    decode_units<Type>(padded, 0, 16, values);
    memcpy(out + whole, values, (cols - whole) * sizeof *out);
  }
}

constexpr size_t kRows = 4; // rows of a register tile, decoded together
constexpr size_t kTokens =
    4; // vectors of a register tile: 16 accumulators of a quarter of the lanes
constexpr size_t kPanels = 6;  // register tiles that share decoded rows
constexpr size_t kChunk = 512; // columns decoded at a time: 8 kB of floats
using Accumulators = float32x4_t[kPanels * kTokens * kRows];

/**
 * Four of the lanes: acc[token][row] += decoded rows times vectors. A step is 16 FMLA and 8 loads.
 */
template <size_t kCount>
inline void lanes_times_tokens(const float* w /* [kRows, kChunk] */,
                               const float* x /* [kCount, x_stride] */, size_t x_stride,
                               size_t cols, float32x4_t* acc /* [kCount, kRows] */) {
  float32x4_t a[kCount][kRows];
  for (size_t i = 0; i < kCount; i++)
    for (size_t r = 0; r < kRows; r++)
      a[i][r] = acc[i * kRows + r];
  for (size_t k = 0; k < cols; k += 16) {
    float32x4_t v[kCount];
    for (size_t i = 0; i < kCount; i++)
      v[i] = vld1q_f32(x + i * x_stride + k);
#pragma GCC unroll 4
    for (size_t r = 0; r < kRows; r++) {
      const float32x4_t weights = vld1q_f32(w + r * kChunk + k);
#pragma GCC unroll 4
      for (size_t i = 0; i < kCount; i++)
        a[i][r] = vfmaq_f32(a[i][r], weights, v[i]);
    }
  }
  for (size_t i = 0; i < kCount; i++)
    for (size_t r = 0; r < kRows; r++)
      acc[i * kRows + r] = a[i][r];
}

/**
 * Up to kRows rows times up to kPanels * kTokens vectors: decoded chunk by chunk, accumulators
 * wait in memory.
 */
template <class Type>
void rows_times_tokens(const DenseProduct& p, size_t row, size_t rows, const float* x,
                       size_t tokens, float* out) {
  alignas(64) float w[kRows * kChunk];
  Accumulators acc[4]; // of each quarter of the lanes
  for (Accumulators& quarter : acc)
    for (size_t i = 0; i < tokens * kRows; i++)
      quarter[i] = vdupq_n_f32(0);
  for (size_t k = 0; k < p.cols; k += kChunk) {
    const size_t cols = p.cols - k < kChunk ? p.cols - k : kChunk;
    for (size_t r = 0; r < kRows;
         r++) // a missing row repeats the last one; its results are dropped
      decode_units<Type>(p.rows + (row + (r < rows ? r : rows - 1)) * p.row_bytes, k, cols,
                         w + r * kChunk);
    for (size_t i = 0; i < tokens; i += kTokens)
      for (size_t lane = 0; lane < 16; lane += 4) {
        const float* v = x + i * p.x_stride + k + lane;
        float32x4_t* a = acc[lane / 4] + i * kRows;
        switch (tokens - i) {
        case 1:
          lanes_times_tokens<1>(w + lane, v, p.x_stride, cols, a);
          break;
        case 2:
          lanes_times_tokens<2>(w + lane, v, p.x_stride, cols, a);
          break;
        case 3:
          lanes_times_tokens<3>(w + lane, v, p.x_stride, cols, a);
          break;
        default:
          lanes_times_tokens<4>(w + lane, v, p.x_stride, cols, a);
          break;
        }
      }
  }
  for (size_t i = 0; i < tokens; i++)
    for (size_t r = 0; r < rows; r++) {
      const size_t j = i * kRows + r;
      const float32x4_t lane[4] = {acc[0][j], acc[1][j], acc[2][j], acc[3][j]};
      out[i * p.out_stride + r] = tree(lane);
    }
}

template <class Type> void product(const DenseProduct& p, size_t row_begin, size_t row_end) {
  if (p.n == 1) {
    size_t r = row_begin;
    for (; r + 4 <= row_end; r += 4)
      rows_times_vector<Type, 4>(p.rows + r * p.row_bytes, p.row_bytes, p.cols, p.x,
                                 p.out + (r - row_begin));
    for (; r < row_end; r++)
      rows_times_vector<Type, 1>(p.rows + r * p.row_bytes, p.row_bytes, p.cols, p.x,
                                 p.out + (r - row_begin));
    return;
  }
  const size_t most = kPanels * kTokens; // their x stays in L2 while all rows pass it
  for (size_t i = 0; i < p.n; i += most)
    for (size_t r = row_begin; r < row_end; r += kRows)
      rows_times_tokens<Type>(p, r, row_end - r < kRows ? row_end - r : kRows, p.x + i * p.x_stride,
                              p.n - i < most ? p.n - i : most,
                              p.out + i * p.out_stride + (r - row_begin));
}

} // namespace

extern const DenseKernel kDenseNeon;
const DenseKernel kDenseNeon = {
    .isa = "neon",
    .features = kCpuNeon,
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
