// Contract of the prefilter: approximate products of an int8 copy of the output head, to tell which
// rows can be the best.
//
//   row w     ≈  scale * q                    q in [-127, 127]
//   vector x  ≈  step * (128 * high + low)    high in [-127, 127], low in [-64, 63]
//   w · x     ≈  scale * step * (128 Σ q * high + Σ q * low)
//
// Both sums are exact in int32. What remains is the rounding of w and x and a few roundings of f32,
// which the caller bounds per row (head_copy.cpp).
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

/** Rows of the copy times `n` vectors. Packed rows are 64-byte aligned, planes need no alignment. */
struct PrefilterProduct {
  const uint8_t* packed;   // whole copy, laid out by the kernel's own pack_tile()
  size_t cols;             // padded with zeros to a multiple of tile_cols
  const int8_t* high;      // [n, cols]
  const int8_t* low;       // [n, cols]
  const int32_t* high_sum; // [n]: Σ high
  const int32_t* low_sum;  // [n]: Σ low
  size_t n;                // >= 1
  float* out;        // [n, out_stride]: out[i * out_stride + (row - row_begin)] of vector i is
                     // fma(128, float(Σ q * high), float(Σ q * low))
  size_t out_stride; // >= row_end - row_begin
};

/**
 * Kernel, packer and tile sizes together; the only external symbol of a kernel file. Columns are at
 * most 2^17.
 */
struct PrefilterKernel {
  const char* isa;
  uint32_t features; // CpuFeature bits it needs
  size_t tile_rows;
  size_t tile_cols;
  /** Bytes of one tile of `cols` padded columns. */
  size_t (*tile_bytes)(size_t cols);
  /** q: [tile_rows, cols], zero in padding. */
  void (*pack_tile)(const int8_t* q, size_t cols, uint8_t* tile);
  /**
   * Rows [row_begin, row_end), multiples of tile_rows: each tile is read from memory once for all
   * vectors.
   */
  void (*product)(const PrefilterProduct& p, size_t row_begin, size_t row_end);
};

} // namespace bitnet
