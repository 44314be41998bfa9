// One linear layer in kernel layout, and the product of some of its rows with a batch of
// activations.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "../common/aligned_buffer.h"
#include "../kernels/kernels.h"

namespace bitnet {

/** Rounds up to whole SIMD rows, the padding unit of every float and int8 buffer. */
constexpr size_t pad_to(size_t count, size_t unit) {
  return (count + unit - 1) / unit * unit;
}
constexpr size_t kFloatPad = 16;      // the 16 virtual lanes
constexpr size_t kInt8Pad = kUnitPad; // whole cache lines, and what row units are padded to

/** A batch of vectors entering a linear layer, as floats and, for ternary weights, as int8. */
struct Activations {
  size_t n;
  size_t cols;
  const float* x;       // [n, x_stride], zero padded
  size_t x_stride;      // multiple of kFloatPad
  const int8_t* q;      // [n, q_stride], zero padded; null when no consumer is ternary
  size_t q_stride;      // multiple of kInt8Pad
  const int32_t* q_sum; // [n]
  const float* q_step;  // [n] value of one int8 step: max(max|x|, 1e-5) / 127
};

/** Weights [rows, cols], immutable after load. */
struct Linear {
  enum class Kind { kTernary, kTernaryBlocks, kRowUnits, kColumnUnits, kDense };

  Kind kind = Kind::kDense;
  size_t rows = 0;
  size_t cols = 0;
  AlignedBuffer data;

  // kTernary: tiles of the whole matrix, and one scale per tensor or per row.
  // kTernaryBlocks: `block_cols` columns share a scale; block b is a matrix of its own,
  //                 [rows, block_cols], at b * block_bytes, with scales row_scale[b * rows + row].
  const TernaryKernel* ternary = nullptr;
  size_t padded_cols = 0; // of one packed matrix
  size_t block_cols = 0;
  size_t block_bytes = 0;
  float scale = 0;              // used when row_scale is empty; of a dense layer, of its product
  std::vector<float> row_scale; // [rows] or [blocks, rows]

  // kRowUnits, kColumnUnits: rows or columns one after the other, `unit_bytes` apart; scales as for
  // kTernary. The width of a unit is the number of columns or of rows.
  const UnitKernel* units = nullptr;
  size_t unit_bytes = 0;

  // kDense: rows of `type`, zero padded to kFloatPad columns.
  const DenseKernel* dense = nullptr;
  DenseType type = kDenseF32;
  size_t row_bytes = 0;

  std::vector<float> norm_in; // [cols] RMSNorm of what enters this layer alone, or empty
  std::vector<float> bias;    // [rows] added to what leaves it, or empty

  bool is_ternary() const { return kind != Kind::kDense; }
  /** Row ranges given to linear_rows with `n` tokens begin at multiples of this. */
  size_t tile_rows(size_t n) const;
  /** Rows that one of `threads` threads takes at a time with `n` tokens: whole tile_rows(n). */
  size_t chunk_rows(size_t threads, size_t n) const;
};

/** Working memory of one thread. */
struct ThreadScratch {
  AlignedBuffer acc;     // int32 [n, rows of a chunk]
  AlignedBuffer kernel;  // whatever the kernel asks for
  AlignedBuffer values;  // float: whatever the caller keeps between two products
  bool has_sums = false; // acc holds this thread's share of a sum over live units
};

/**
 * out[i * out_stride + (row - row_begin)] = W[row] · x[i] for rows [row_begin, row_end) and all i:
 *
 *   ternary          float(Σ t q) * (scale * q_step)
 *   ternary, blocks  (Σ_block float(Σ t q) * scale_block) * q_step      fma in block order from +0
 *   dense            the product, * scale where that is not 1
 *
 * The bias, if any, is added last. False when scratch memory runs out.
 */
bool linear_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                 size_t row_begin, size_t row_end, float* out, size_t out_stride,
                 ThreadScratch& scratch);

/**
 * out[i] = W[ids[i]] · x for a batch of one token and weights in row units, the same as
 * linear_rows. False when scratch memory runs out.
 */
bool linear_some_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                      const int32_t* ids, size_t count, float* out, ThreadScratch& scratch);

/** out[r] = the product without the bias, from the sums acc[r] of rows row + r of one token. */
void scale_sums(const Linear& w, const VectorKernel& vector, const int32_t* acc, float q_step,
                size_t row, size_t count, float* out);

/** out[r] += bias of row `row` + r, for `count` rows; nothing in a layer without. */
void add_bias(const Linear& w, size_t row, size_t count, float* out);

} // namespace bitnet
