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
 * kernel. One of these, constant-initialised, is the only external symbol of a kernel file.
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

// Units: the same product where whole units of a feed-forward network can be skipped.
//
// A hidden unit is a row of `up` and a column of `down`. Where its gate is closed its row is not
// needed, and where its int8 activation is zero its column adds nothing; so both matrices are kept
// one unit after the other, `width` trits (the residual width) of one unit together. What is
// skipped is exactly zero: the integers are those of TernaryKernel::product.

// Sums of 256 c q over a unit's width must fit int32: 256 * 2 * 127 * 2^15 is below 2^31.
constexpr size_t kMaxUnitWidth = size_t{1} << 15;

// q of a row product is zero padded to this: a multiple of every unit kernel's block.
constexpr size_t kUnitPad = 640;

// find_live may write this many ids more than it finds.
constexpr size_t kLiveSlack = 16;

/** A batch: all units of a matrix with `n` >= 1 tokens. Pointers are 64-byte aligned. */
struct UnitProduct {
  const uint8_t* units; // [units, unit_bytes(width)]
  size_t unit_bytes;
  size_t width;
  size_t count;         // units in the matrix
  const int8_t* q;      // [n, q_stride] in [-127, 127]; zeros up to q_stride
  size_t q_stride;      // >= width padded to kUnitPad (rows), >= count padded to 64 (columns)
  const int32_t* q_sum; // [n]
  size_t n;
  int32_t* out; // [n, out_stride], from row_begin on
  size_t out_stride;
  uint8_t* scratch; // scratch_bytes(width) bytes of this thread's own
};

/** Layout, packers and products of units together; the only external symbol of a kernel file. */
struct UnitKernel {
  const char* family;
  const char* isa;
  uint32_t features;
  size_t block; // trits of a unit that are packed together; unit_bytes() holds whole ones
  // From which part of a layer's units on, closed gates and zero activations averaged, skipping
  // them makes one token faster than the tiles of the ternary kernel with the same name.
  double pays_from;
  size_t (*unit_bytes)(size_t width);
  size_t (*scratch_bytes)(size_t width);

  /** Row units. codes: [width padded to block], 1 in the padding. */
  void (*pack_row)(const uint8_t* codes, size_t width, uint8_t* unit);
  /** out[i] = Σ_k t[ids[i]][k] q[k], for `count` units in increasing order. */
  void (*dot)(const uint8_t* units, size_t width, const int32_t* ids, size_t count, const int8_t* q,
              int32_t q_sum, int32_t* out);
  /** Rows [begin, end) of the batch: out[i][r] = Σ_k t[r][k] q[i][k]. */
  void (*rows)(const UnitProduct& p, size_t begin, size_t end);

  /**
   * Column units. codes: [block, count] of rows [row, row + block), 1 in the padding; `row` is a
   * multiple of block. Fills the part of every unit that holds these rows.
   */
  void (*pack_columns)(const uint8_t* codes, size_t count, size_t row, uint8_t* units,
                       size_t unit_bytes);
  /**
   * Indices of the values that are not zero, in increasing order; returns how many.
   * ids: [count + kLiveSlack].
   */
  size_t (*find_live)(const int8_t* q, size_t count, int32_t* ids);
  /** acc[r] += Σ_i c[ids[i]][r] q[ids[i]] (codes, not trits); acc: [width padded to block]. */
  void (*accumulate)(const uint8_t* units, size_t width, const int32_t* ids, size_t count,
                     const int8_t* q, int32_t* acc);
  /** columns() of `n` tokens takes ranges that begin and end at multiples of this. */
  size_t (*column_step)(size_t n);
  /** Rows [begin, end) of the batch: out[i][r] = Σ_j t[r][j] q[i][j] over all units. */
  void (*columns)(const UnitProduct& p, size_t begin, size_t end);
};

} // namespace bitnet
