// Aligned arrays of what kernels read and write, and the seeded numbers in them.
#pragma once
#include <stdint.h>

#include <new>
#include <random>
#include <string>

#include "common/aligned_buffer.h"

namespace bitnet {

/** `count` zeros, 64-byte aligned; throws std::bad_alloc, which self_test() catches. */
template <class T> class Array {
public:
  explicit Array(size_t count) : count_(count) {
    if (!buffer_.allocate(count * sizeof(T)))
      throw std::bad_alloc();
  }
  T* data() { return buffer_.as<T>(); }
  T& operator[](size_t i) { return data()[i]; }
  size_t size() const { return count_; }

private:
  AlignedBuffer buffer_;
  size_t count_;
};

/** A number in [least, most]. */
inline int number(std::mt19937& random, int least, int most) {
  return least + static_cast<int>(random() % static_cast<uint32_t>(most - least + 1));
}

/** A float in [-4, 4). */
inline float real(std::mt19937& random) {
  return static_cast<float>(static_cast<int32_t>(random() >> 8)) * 0x1p-21f - 4.0f;
}

/** "dot of 3 tokens: element 17 is 5, not 6". */
template <class T>
std::string difference(const std::string& what, size_t at, const T& actual, const T& expected) {
  return what + ": element " + std::to_string(at) + " is " + std::to_string(actual) + ", not " +
         std::to_string(expected);
}

} // namespace bitnet
