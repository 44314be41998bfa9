// Bytes that are in memory already, read as those of a file are.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "byte_source.h"

namespace bitnet {

/** A view: the bytes must outlive it. */
class MemorySource : public ByteSource {
public:
  MemorySource(const uint8_t* bytes, size_t count) : bytes_(bytes), count_(count) {}

  Status read(uint64_t offset, size_t bytes, uint8_t* out) const override {
    if (offset > count_ || bytes > count_ - offset)
      return Status::error(Code::kArgument, "Expected more bytes of a tensor than there are.");
    memcpy(out, bytes_ + offset, bytes);
    return {};
  }

private:
  const uint8_t* bytes_;
  size_t count_;
};

} // namespace bitnet
