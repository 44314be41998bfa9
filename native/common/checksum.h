// A 64-bit streaming checksum that detects damage, not forgery.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

/**
 * The bytes are words of 8, little-endian, which four lanes take in turn; zeros fill up the
 * last 32. A step of a lane, lane = rotate((lane ^ word) * odd), can be undone, and so can each
 * step that folds the lanes and the length into one number: a single changed word always changes
 * the result.
 */
class Checksum {
public:
  /** Files that begin alike but have different seeds do not get the same checksum. */
  explicit Checksum(uint64_t seed = 0);

  void add(const void* bytes, size_t count);
  /** The checksum of all bytes so far. */
  uint64_t value() const;

private:
  static constexpr size_t kStripe = 32;
  void stripes(const uint8_t* bytes, size_t count);

  uint64_t lanes_[4];
  uint64_t length_ = 0;
  uint8_t rest_[kStripe]; // bytes that do not fill a stripe yet: length_ % kStripe of them
};

} // namespace bitnet
