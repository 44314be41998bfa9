// The rows of an embedding or output head: in memory, or left in the file when few of them are read
// per token.
#pragma once
#include <memory>

#include "../common/byte_source.h"
#include "linear.h"

namespace bitnet {

struct RowTable {
  Linear linear; // in DenseRows; its data are the rows when they are in memory, else empty

  // Where the rows lie in the file; used only when they are not in memory.
  std::shared_ptr<const ByteSource> file;
  uint64_t offset = 0;

  size_t rows() const { return linear.rows; }
  size_t cols() const { return linear.cols; }
  const DenseRows& stored() const { return std::get<DenseRows>(linear.layout); }
  bool in_memory() const { return linear.data.size() != 0; }

  /** Bytes that fetch() needs of a buffer for `count` rows: none where they are in memory. */
  size_t buffer_bytes(size_t count) const { return in_memory() ? 0 : count * stored().row_bytes; }
  /**
   * Points `out` at rows [row, row + count), stored().row_bytes apart; reads them into `buffer` if
   * need be.
   */
  Status fetch(size_t row, size_t count, uint8_t* buffer, const uint8_t** out) const;
};

} // namespace bitnet
