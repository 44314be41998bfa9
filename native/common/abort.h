// A request to stop, looked at between steps of long work.
#pragma once
#include <stdint.h>

#include <atomic>

namespace bitnet {

/** Raised when either flag is non-zero. Both must outlive the work. */
struct Abort {
  const std::atomic<int32_t>* requested; // the caller's AbortSignal
  const std::atomic<int32_t>* closing;   // the JavaScript environment is going away

  bool raised() const {
    return requested->load(std::memory_order_relaxed) || closing->load(std::memory_order_relaxed);
  }
};

} // namespace bitnet
