// Code points as the bytes that UTF-8 writes them with.
#pragma once
#include <stdint.h>

#include <vector>

#include "rules.h"

namespace bitnet {

/** One to four ranges of bytes, one after the other. */
struct ByteSequence {
  struct Range {
    uint8_t low, high;
  };
  Range ranges[4];
  int32_t length;
};

/** Appends sequences that together match the range, which has no surrogates, and nothing else. */
void append_sequences(CodeRange range, std::vector<ByteSequence>* out);

} // namespace bitnet
