// A range is split until all its code points have as many bytes, and every byte behind one that varies takes all values.
#include "utf8_sequences.h"

#include <algorithm>

namespace bitnet {
namespace {

int32_t encode(int32_t code, uint8_t* out) {
  const auto tail = [&](int32_t shift) {
    return static_cast<uint8_t>(0x80 | (code >> shift & 0x3f));
  };
  if (code < 0x80) {
    out[0] = static_cast<uint8_t>(code);
    return 1;
  }
  if (code < 0x800) {
    out[0] = static_cast<uint8_t>(0xc0 | code >> 6);
    out[1] = tail(0);
    return 2;
  }
  if (code < 0x10000) {
    out[0] = static_cast<uint8_t>(0xe0 | code >> 12);
    out[1] = tail(6);
    out[2] = tail(0);
    return 3;
  }
  out[0] = static_cast<uint8_t>(0xf0 | code >> 18);
  out[1] = tail(12);
  out[2] = tail(6);
  out[3] = tail(0);
  return 4;
}

} // namespace

void append_sequences(CodeRange range, std::vector<ByteSequence>* out) {
  const auto split = [&](int32_t last) { // the first part ends with `last`
    append_sequences({range.low, last}, out);
    append_sequences({last + 1, range.high}, out);
  };
  for (int32_t last : {0x7f, 0x7ff, 0xffff})
    if (range.low <= last && last < range.high)
      return split(last);
  if (range.low >= 0x80)
    for (int32_t bits : {6, 12, 18}) {
      const int32_t tail = (1 << bits) - 1;
      if ((range.low & ~tail) == (range.high & ~tail))
        break; // what stands before these bits does not vary
      if ((range.low & tail) != 0)
        return split(range.low | tail);
      if ((range.high & tail) != tail)
        return split((range.high & ~tail) - 1);
    }
  uint8_t low[4], high[4];
  ByteSequence made = {};
  made.length = encode(range.low, low);
  encode(range.high, high);
  for (int32_t i = 0; i < made.length; ++i)
    made.ranges[i] = {low[i], high[i]};
  out->push_back(made);
}

} // namespace bitnet
