// In which order the live units of one token are read, and what is fetched ahead. Anonymous, like
// the layouts.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace bitnet {
namespace {

constexpr size_t kLine = 64; // bytes fetched together

/** Into L2: more lines can be under way to it than to L1. */
inline void prefetch(const uint8_t* line) {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_prefetch(reinterpret_cast<const char*>(line), _MM_HINT_T1);
#elif defined(__GNUC__)
  __builtin_prefetch(line, 0, 2);
#else
  (void)line;
#endif
}

// Live units taken together: all their lines at one block are read before the next block, so that
// the sums of its rows stay in registers, while the lines of the next ones are fetched.
constexpr size_t kLive = 64;

struct LiveUnits {
  const uint8_t* unit[kLive];
  alignas(64) int8_t q[kLive];
  size_t count;  // a multiple of 4: the last unit with q = 0 pads it
  int32_t q_sum; // of all q
};

inline void take_live(const uint8_t* units, size_t bytes, const int32_t* ids, size_t count,
                      const int8_t* q, LiveUnits* live) {
  const size_t some = count < kLive ? count : kLive;
  live->count = (some + 3) / 4 * 4;
  live->q_sum = 0;
  for (size_t i = 0; i < live->count; i++) {
    const size_t id = static_cast<size_t>(ids[i < some ? i : some - 1]);
    live->unit[i] = units + id * bytes;
    live->q[i] = i < some ? q[id] : int8_t{0};
    live->q_sum += live->q[i];
  }
}

/** Calls add(live, next) for all units `ids`: multiply the first, fetch as many of the others. */
template <class Add>
void for_live(const uint8_t* units, size_t bytes, const int32_t* ids, size_t count, const int8_t* q,
              Add add) {
  LiveUnits lists[2];
  if (count == 0)
    return;
  take_live(units, bytes, ids, count, q, &lists[0]);
  for (size_t offset = 0; offset < bytes; offset += kLine)
    for (size_t i = 0; i < lists[0].count; i++)
      prefetch(lists[0].unit[i] + offset);
  for (size_t first = 0; first < count; first += kLive) {
    const LiveUnits& live = lists[first / kLive % 2];
    LiveUnits& next = lists[first / kLive % 2 ^ 1];
    const size_t following = first + kLive < count ? first + kLive : first;
    take_live(units, bytes, ids + following, count - following, q, &next);
    for (size_t i = next.count; i < live.count; i++)
      next.unit[i] = next.unit[0]; // nothing more to fetch
    add(live, next);
  }
}

} // namespace
} // namespace bitnet
