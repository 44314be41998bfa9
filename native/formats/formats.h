// On-disk ternary types: how stored bytes become codes and scales, and of some the way back. The
// layouts are drawn beside each decoder.
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

/** The bytes of some rows: up to three pieces of the tensor; unused ones are empty. */
struct RowBytes {
  ByteRange part[3];

  uint64_t size() const {
    uint64_t bytes = 0;
    for (const ByteRange& range : part)
      bytes += range.end - range.begin;
    return bytes;
  }
};

/** How TL1 and TL2 cut a matrix; it is not in the file. All zero for other formats. */
struct TileShape {
  size_t rows;       // BM
  size_t cols;       // BK
  size_t group_rows; // bmm: rows of a tile that are stored together
};

/** Shape of the tensor being read: `rows` output features of `cols` inputs each. */
struct TensorShape {
  size_t rows;
  size_t cols;
  TileShape tile = {};
};

/**
 * Decodes rows into codes c = t + 1 in {0, 1, 2} and their scales. A value is scale * (c - 1).
 * `scale_cols` columns share one scale: cols for formats with a scale per row or per tensor.
 */
struct TernaryFormat {
  const char* name; // the name in TensorSpec, "I2_S"
  /** Columns that share a scale; 0: all of a row. */
  size_t scale_cols;
  /** Rows are multiples of this many columns. */
  size_t block_cols;
  /** Size of the whole tensor. */
  uint64_t (*tensor_bytes)(TensorShape shape);
  /** Where rows [row, row + count) lie. */
  RowBytes (*row_bytes)(TensorShape shape, size_t row, size_t count);
  /** Where the tensor's one scale (f32) lies; null when rows carry their own. */
  uint64_t (*tensor_scale_offset)(TensorShape shape);
  /**
   * `bytes` holds row_bytes(row, count), one part after the other. Writes codes [count, cols] and,
   * unless there is a tensor scale, scales [count, cols / scale_cols]. False when the bytes hold
   * something that `invalid` names.
   */
  bool (*decode)(const uint8_t* bytes, TensorShape shape, size_t row, size_t count, uint8_t* codes,
                 float* scales);
  /** What an invalid tensor contains, for error messages. */
  const char* invalid = "the code 3, which is not a ternary weight";
  /** Whether the format can hold such a shape, beyond block_cols; null: it can. */
  bool (*fits)(TensorShape shape) = nullptr;
  /** Whether the code 3 means +2: a tensor with one is valid, but not ternary. */
  bool four_levels = false;
  /** Whether each row is stored with a scale of its own. */
  bool row_scales = false;
  /**
   * The reverse of `decode`, for formats that are also written; else null. Rows [row, row + count)
   * begin and end with a block; scales are exactly halves. The caller writes a tensor scale.
   */
  void (*encode)(const uint8_t* codes, const float* scales, TensorShape shape, size_t row,
                 size_t count, uint8_t* bytes) = nullptr;
};

extern const TernaryFormat kFormatI2S;
extern const TernaryFormat kFormatI2SArm64;
extern const TernaryFormat kFormatI2SRows4;
extern const TernaryFormat kFormatTL1;
extern const TernaryFormat kFormatTL2;
extern const TernaryFormat kFormatTQ1_0;
extern const TernaryFormat kFormatTQ2_0;
extern const TernaryFormat kFormatPTQ1_0;
extern const TernaryFormat kFormatQ2_0;
extern const TernaryFormat kFormatQ2_0_G128;
extern const TernaryFormat kFormatPQ2_0;
extern const TernaryFormat kFormatIQ1_BN;
extern const TernaryFormat kFormatIQ2_BN;
extern const TernaryFormat kFormatIQ1_BNWithoutScales;
extern const TernaryFormat kFormatIQ2_BNWithoutScales;
extern const TernaryFormat kFormatIQ2_BN_R4;
extern const TernaryFormat kFormatPackedRows;

/** The ternary format called `type`, or null if there is none of that name. */
const TernaryFormat* find_ternary_format(const std::string& type);

} // namespace bitnet
