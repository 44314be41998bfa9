// Rows from memory or by positional reads, which the system's page cache serves.
#include "row_table.h"

namespace bitnet {

Status RowTable::fetch(size_t row, size_t count, uint8_t* buffer, const uint8_t** out) const {
  const size_t row_bytes = stored().row_bytes;
  if (in_memory()) {
    *out = linear.data.data() + row * row_bytes;
    return {};
  }
  *out = buffer;
  return file->read(offset + uint64_t{row} * row_bytes, count * row_bytes, buffer);
}

} // namespace bitnet
