// Contract of the ternary products: int8 activations times weights in {-1, 0, +1}, exact in int32.
//
// A weight is handed over as its code c = t + 1 in {0, 1, 2}. A kernel computes, for rows r, tokens
// i and columns k,
//
//   out[i][r] = Σ_k t[r][k] q[i][k]
//             = Σ_k c[r][k] q[i][k] - Σ_k q[i][k]
//
// and every kernel gives the same int32 as the scalar one for every input (bitnet.cpp papers:
// "lossless").
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

// A kernel may count a code 4-fold in int32: 4 * 2 * 127 * 2^20 is below 2^31. The loader refuses
// wider matrices.
constexpr size_t kMaxTernaryCols = size_t{1} << 20;

/** One product of a packed matrix with `n` tokens. All pointers are 64-byte aligned. */
struct TernaryProduct {
  const uint8_t* packed; // whole matrix, laid out by the kernel's own pack()
  size_t cols;           // padded columns: a multiple of the kernel's tile_cols, <= kMaxTernaryCols
  const int8_t* q; // [n, q_stride] values in [-127, 127], zero from the true columns up to q_stride
  size_t q_stride; // >= cols, a multiple of 64
  const int32_t* q_sum; // [n] sum of each token's q
  size_t n;             // tokens, >= 1
  int32_t* out;      // [n, out_stride]; out[i * out_stride + (r - row_begin)] is row r of token i
  size_t out_stride; // >= row_end - row_begin
  uint8_t* scratch;  // scratch_bytes(cols) bytes of this thread's own; may be null if 0
};

/**
 * Kernel, packer, tile sizes and required CPU features, together: a blob cannot meet the wrong
 * kernel. One of these, constant-initialized, is the only external symbol of a kernel file.
 */
struct TernaryKernel {
  const char* family; // "mad2": how weights are coded; see the file's head comment
  const char* isa;    // "scalar", "avx2", "avx512vnni", …
  uint32_t features;  // CpuFeature bits it needs
  size_t tile_rows;   // rows packed together; row_begin and row_end are multiples of it
  size_t tile_cols;   // columns are padded to a multiple of it
  /** Bytes of `tile_rows` packed rows of `cols` padded columns. Tile t starts at t * that. */
  size_t (*tile_bytes)(size_t cols);
  /** Packs one tile. codes: [tile_rows, cols] in {0, 1, 2}; padding holds 1, a zero weight. */
  void (*pack_tile)(const uint8_t* codes, size_t cols, uint8_t* tile);
  /** Inverse of pack_tile, for tests and tools. */
  void (*unpack_tile)(const uint8_t* tile, size_t cols, uint8_t* codes);
  /** Per-thread scratch a call may use; 0 for none. */
  size_t (*scratch_bytes)(size_t cols);
  /** Rows [row_begin, row_end), any n >= 1: picks its GEMV, small-batch or GEMM loop by n. */
  void (*product)(const TernaryProduct& p, size_t row_begin, size_t row_end);
};

// Groups: weights with a scale for every `group` columns of a row, as f16. The layouts have rows in
// their lanes, so that a group ends with a conversion and one fused multiply-add, without a sum
// across lanes:
//
//   y[i][r] = (Σ_g float(Σ_{k in g} t[r][k] q[i][k]) * (scale[r][g] * factor)) * step[i]
//
// where the outer sum is fused, in the order of the groups, from +0. Every kernel gives these bits.

// Activations are summed by so many columns, once for a token; a group is one, two or four of them.
constexpr size_t kGroupSumCols = 64;
constexpr size_t kMostGroupCols = 256;

// Kernels may keep sums 256-fold: a factor of other magnitudes could leave the range of f32.
constexpr float kLeastGroupFactor = 0x1p-60f, kMostGroupFactor = 0x1p60f;

/** One product of a matrix with group scales and `n` tokens. Pointers are 64-byte aligned. */
struct GroupProduct {
  const uint8_t* packed; // whole matrix, laid out by the kernel's own pack()
  size_t cols;           // a multiple of group
  size_t group;          // 64, 128 or 256
  float factor;          // of every scale; its magnitude within the limits above, or 0
  const int8_t* q;       // [n, q_stride] values in [-127, 127]
  size_t q_stride;       // >= cols, a multiple of 64
  const int32_t* q_sums; // [n, sums_stride] sums of 64 values of q each
  size_t sums_stride;
  const float* step; // [n]
  size_t n;          // tokens, >= 1
  float* out;        // [n, out_stride]; out[i * out_stride + (r - row_begin)] is row r of token i
  size_t out_stride; // >= row_end - row_begin
  uint8_t* scratch;  // scratch_bytes() bytes of this thread's own; may be null if 0
};

/** Layout, packer and product of weights with group scales; the only external symbol of a file. */
struct GroupKernel {
  const char* family; // as that of the ternary kernel whose codes it has
  const char* isa;
  uint32_t features;
  size_t tile_rows; // rows packed together; row_begin and row_end are multiples of it
  /** Bytes of `tile_rows` packed rows of `cols` columns. Tile t starts at t * that. */
  size_t (*tile_bytes)(size_t cols, size_t group);
  /**
   * Packs one tile. codes: [tile_rows, cols] in {0, 1, 2}; scales: finite f16 [tile_rows, cols /
   * group].
   */
  void (*pack_tile)(const uint8_t* codes, const uint16_t* scales, size_t cols, size_t group,
                    uint8_t* tile);
  /** Per-thread scratch a call may use. */
  size_t scratch_bytes;
  /** Rows [row_begin, row_end), any n >= 1. */
  void (*product)(const GroupProduct& p, size_t row_begin, size_t row_end);
};

} // namespace bitnet
