// The order in which the x86 unit kernels read scattered units, and what they fetch ahead.
// Anonymous, like the layouts.
//
// Lines are fetched into L2: more can be under way to it than to L1 (Zen 4: a quarter more of
// scattered units). All units of a group are fetched at one line before the next line: memory
// answers them in this order half again as fast as unit by unit.
#pragma once
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

namespace bitnet {
namespace {

constexpr size_t kLine = 64;

inline void prefetch(const uint8_t* line) {
  _mm_prefetch(reinterpret_cast<const char*>(line), _MM_HINT_T1);
}

constexpr size_t kFetch = 16; // row units fetched together

/** Four units to multiply, and what to fetch meanwhile: as many lines, from number `line` on. */
struct UnitStep {
  const uint8_t* unit[4];
  const uint8_t* const* ahead; // [kFetch]
  size_t line;
};

inline void fetch(const uint8_t* const* units /* [kFetch] */, size_t line) {
  prefetch(units[line % kFetch] + line / kFetch * kLine);
}

/** Calls body(step, i) for every four of at(0..count); the last unit stands in for those behind it.
 */
template <class At, class Body> void for_steps(At at, size_t count, size_t bytes, Body body) {
  const size_t lines = (bytes + kLine - 1) / kLine;
  const uint8_t* ahead[kFetch];
  UnitStep step;
  step.ahead = ahead;
  for (size_t i = 0; i < count; i += 4) {
    if (i % kFetch == 0) {
      for (size_t u = 0; u < kFetch; u++)
        ahead[u] = at(i + u < count ? i + u : count - 1);
      if (i == 0)
        for (size_t line = 0; line < kFetch * lines; line++)
          fetch(ahead, line);
      for (size_t u = 0; u < kFetch; u++)
        ahead[u] = at(i + kFetch + u < count ? i + kFetch + u : count - 1);
    }
    for (size_t u = 0; u < 4; u++)
      step.unit[u] = at(i + u < count ? i + u : count - 1);
    step.line = i % kFetch * lines;
    body(step, i);
  }
}

// Live units taken together: all their lines at one block are read before the next block, so that
// the sums of its rows stay in registers, while the lines of the next ones are fetched.
constexpr size_t kLive = 64;

struct LiveUnits {
  const uint8_t* unit[kLive];
  alignas(64) int8_t q[kLive];
  size_t count; // a multiple of 4: the last unit with q = 0 pads it
};

inline void take_live(const uint8_t* units, size_t bytes, const int32_t* ids, size_t count,
                      const int8_t* q, LiveUnits* live) {
  const size_t some = count < kLive ? count : kLive;
  live->count = (some + 3) / 4 * 4;
  for (size_t i = 0; i < live->count; i++) {
    const size_t id = static_cast<size_t>(ids[i < some ? i : some - 1]);
    live->unit[i] = units + id * bytes;
    live->q[i] = i < some ? q[id] : int8_t{0};
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
