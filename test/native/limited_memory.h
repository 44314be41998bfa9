// The C++ allocator of the tests, which can be told to run out.
#pragma once
#include <stdint.h>

#include <atomic>

namespace limited_memory {

/** Allocations left to all threads together; then every one fails. Negative: no limit. */
extern std::atomic<int64_t> left;

/** Allocations there were. */
extern std::atomic<int64_t> made;

} // namespace limited_memory
