// An array that ends where unmapped memory begins, so that reading or writing past it crashes; and
// seeded random numbers.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace check {

template <class T> class Guarded {
public:
  explicit Guarded(size_t count) : count_(count) {
#if defined(_WIN32)
    base_ = malloc(count * sizeof(T) + 64);
    data_ = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(base_) + 63) & ~uintptr_t{63});
#else
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t used = (count * sizeof(T) + page - 1) / page * page;
    size_ = used + page;
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED)
      abort();
    mprotect(static_cast<char*>(base_) + used, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(static_cast<char*>(base_) + used) - count;
#endif
  }
  ~Guarded() {
#if defined(_WIN32)
    free(base_);
#else
    munmap(base_, size_);
#endif
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() {
    return data_;
  }
  const T* data() const {
    return data_;
  }
  T& operator[](size_t i) {
    return data_[i];
  }
  const T& operator[](size_t i) const {
    return data_[i];
  }
  size_t size() const {
    return count_;
  }
  T* begin() {
    return data_;
  }
  T* end() {
    return data_ + count_;
  }

private:
  size_t count_;
  void* base_;
  size_t size_ = 0;
  T* data_;
};

/** xorshift64*: the same sequence everywhere. */
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed * 2654435769u + 88172645463325252u) {}
  uint32_t bits() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<uint32_t>(state_ * 2685821657736338717u >> 32);
  }
  uint32_t below(uint32_t n) { return bits() % n; }
  /** Uniform in [-1, 1). */
  float real() { return static_cast<float>(static_cast<int32_t>(bits())) * 0x1p-31f; }

private:
  uint64_t state_;
};

} // namespace check
