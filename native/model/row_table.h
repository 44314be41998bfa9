// The rows of an embedding or output head: in memory, or left in the file when few of them are read
// per token.
#pragma once
#include <memory>

#include "../common/byte_source.h"
#include "linear.h"

namespace bitnet {

struct RowTable {
  Linear linear; // its data are the rows when they are in memory, else empty

  // Where the rows lie in the file; used only when they are not in memory.
  std::shared_ptr<const ByteSource> file;
  uint64_t offset = 0;

  size_t rows() const { return linear.rows; }
  size_t cols() const { return linear.cols; }
  bool in_memory() const { return linear.data.size() != 0; }

  /**
   * Points `out` at rows [row, row + count), linear.row_bytes apart; reads them into `buffer` if
   * need be.
   */
  Status fetch(size_t row, size_t count, AlignedBuffer& buffer, const uint8_t** out) const;
};

} // namespace bitnet
