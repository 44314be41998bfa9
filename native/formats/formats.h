// On-disk ternary types: how stored bytes become codes and scales. The layouts are drawn beside
// each decoder.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>

namespace bitnet {

/** Bytes [begin, end) of a tensor. */
struct ByteRange {
  uint64_t begin;
  uint64_t end;
};

/** Shape of the tensor being read: `rows` output features of `cols` inputs each. */
struct TensorShape {
  size_t rows;
  size_t cols;
};

/**
 * Decodes rows into codes c = t + 1 in {0, 1, 2} and their scales. A value is scale * (c - 1).
 * `scale_cols` columns share one scale: cols for formats with a scale per row or per tensor.
 */
struct TernaryFormat {
  const char* name; // the public name, "I2_S"
  /** Columns that share a scale; 0: all of a row. */
  size_t scale_cols;
  /** Rows are multiples of this many columns. */
  size_t block_cols;
  /** Size of the whole tensor. */
  uint64_t (*tensor_bytes)(TensorShape shape);
  /** Where rows [row, row + count) lie. */
  ByteRange (*row_range)(TensorShape shape, size_t row, size_t count);
  /** Where the tensor's one scale (f32) lies; null when rows carry their own. */
  uint64_t (*tensor_scale_offset)(TensorShape shape);
  /**
   * `bytes` holds row_range(row, count). Writes codes [count, cols] and, unless there is a tensor
   * scale, scales [count, cols / scale_cols]. False when a byte holds the code 3, which is no trit.
   */
  bool (*decode)(const uint8_t* bytes, TensorShape shape, size_t row, size_t count, uint8_t* codes,
                 float* scales);
};

extern const TernaryFormat kFormatI2S;
extern const TernaryFormat kFormatTQ1_0;
extern const TernaryFormat kFormatTQ2_0;
extern const TernaryFormat kFormatIQ1_BN;
extern const TernaryFormat kFormatIQ2_BN;

/** The ternary format called `type`, or null when that name is no ternary type. */
const TernaryFormat* find_ternary_format(const std::string& type);

} // namespace bitnet
