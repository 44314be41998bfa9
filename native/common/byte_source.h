// Where the bytes of tensors come from: a file, or a generator of what a file would hold.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "status.h"

namespace bitnet {

class ByteSource {
public:
  virtual ~ByteSource() = default;

  /** Reads exactly `bytes` bytes at `offset` into `out`, from any thread, or says why not. */
  virtual Status read(uint64_t offset, size_t bytes, uint8_t* out) const = 0;

  /** Whether all that was read so far is of one state of the source; kFile when it has changed. */
  virtual Status unchanged() const { return {}; }
};

} // namespace bitnet
