// What every benchmark uses: the clock, arrays in huge pages, sizes, random numbers.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

/**
 * Wall clock: neighbors make a run slower, so the best of many is the kernel's own time. (The
 * thread's CPU clock was tried: on a virtual machine it loses time in short runs, and the best run
 * then beats the hardware's limit.)
 */
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Timing {
  double best, median; // seconds
};

/** What measure() takes at least; --seconds sets it. */
inline double measure_seconds = 0.1;

/** At least five runs. */
inline Timing measure(const std::function<void()>& run) {
  std::vector<double> times;
  run();
  for (double total = 0; total < measure_seconds || times.size() < 5; total += times.back()) {
    const double start = now();
    run();
    times.push_back(now() - start);
  }
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2]};
}

/** Zeroed array on a 2 MiB boundary, in huge pages where Linux has them. */
template <class T> class Aligned {
public:
  explicit Aligned(size_t count) {
    const size_t kHuge = 2 << 20, bytes = count * sizeof(T);
    base_ = calloc(bytes + kHuge, 1);
    if (base_ == nullptr) {
      fprintf(stderr, "Expected %zu bytes of free memory, found less.\n", bytes);
      exit(1);
    }
    data_ = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(base_) + kHuge - 1) &
                                 ~uintptr_t{kHuge - 1});
#if defined(__linux__)
    if (bytes >= kHuge)
      madvise(data_, bytes & ~(kHuge - 1), MADV_HUGEPAGE);
#endif
    memset(data_, 0, bytes); // touch every page
  }
  ~Aligned() {
    free(base_);
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  T* data() {
    return data_;
  }
  T& operator[](size_t i) {
    return data_[i];
  }

private:
  void* base_;
  T* data_;
};

constexpr size_t kCached = 384 << 10;   // bytes of weights that stay in any L2
constexpr size_t kUncached = 320 << 20; // bytes no cache holds

inline uint32_t random_bits() {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<uint32_t>(state >> 16);
}

inline size_t rounded_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
