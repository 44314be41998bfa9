// Contract of the dense products: stored rows (floats and quantised blocks, the types of DenseType)
// times f32 activations.
//
// Float results are defined, so that every ISA, batch and thread split gives the same bits:
//
//   w[k]    = the stored weight as f32
//   lane[j] = fma over k = j, j + 16, j + 32, … of (w[k], x[k]) starting from +0, j = 0..15
//   result  = tree(lane)
//
//   tree:  lane[j] += lane[j + 8]   j = 0..7
//          lane[j] += lane[j + 4]   j = 0..3
//          lane[j] += lane[j + 2]   j = 0..1
//          lane[0] +  lane[1]
//
// A weight of a block type takes several steps, which are rounded to f32 one by one as
// dense_scalar.cpp writes them. All products are exact, sums with a minimum are not.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

enum DenseType : uint32_t {
  kDenseF32,
  kDenseF16,
  kDenseBf16,
  kDenseQ8_0,
  kDenseQ6_K,
  kDenseQ4_0,
  kDenseQ4_K,
  kDenseQ4_1,
  kDenseQ5_0,
  kDenseQ5_1,
  kDenseQ5_K,
  kDenseIq4Nl,
  kDenseTypes
};

/** Rows of one type times `n` vectors. */
struct DenseProduct {
  const uint8_t* rows; // [rows, row_bytes], 2-byte aligned at least, zero from the true columns on
  size_t row_bytes;    // distance between rows
  size_t cols;         // multiple of 16, of the block size for block types
  const float* x;      // [n, x_stride], 64-byte aligned, zero from the true columns up to cols
  size_t x_stride;     // >= cols, a multiple of 16
  size_t n;            // >= 1
  float* out; // [n, out_stride]; out[i * out_stride + (r - row_begin)] is row r of vector i
  size_t out_stride;
};

struct DenseKernel {
  const char* isa;   // "scalar", "avx2", "avx512"
  uint32_t features; // CpuFeature bits it needs
  /** Rows [row_begin, row_end), any n >= 1; indexed by DenseType. */
  void (*product[kDenseTypes])(const DenseProduct& p, size_t row_begin, size_t row_end);
  /**
   * One stored row as f32: out[cols], any cols that the type's block size divides; indexed by
   * DenseType.
   */
  void (*decode[kDenseTypes])(const uint8_t* row, size_t cols, float* out);
};

} // namespace bitnet
