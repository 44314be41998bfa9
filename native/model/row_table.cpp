// Rows from memory or by positional reads, which the system's page cache serves.
#include "row_table.h"

namespace bitnet {

Status RowTable::fetch(size_t row, size_t count, AlignedBuffer& buffer, const uint8_t** out) const {
  if (in_memory()) {
    *out = linear.data.data() + row * linear.row_bytes;
    return {};
  }
  const size_t bytes = count * linear.row_bytes;
  if (!buffer.ensure(bytes))
    return Status::error(Code::kMemory, "Not enough memory to read rows of the head.");
  *out = buffer.data();
  return file->read(offset + uint64_t{row} * linear.row_bytes, bytes, buffer.data());
}

} // namespace bitnet
