// In which order the active neurons of one token are read, and what is fetched ahead. Anonymous,
// like the layouts.
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

// Active neurons taken together: all their lines at one block are read before the next block, so
// that the sums of its rows stay in registers, while the lines of the next ones are fetched.
constexpr size_t kActive = 64;

struct ActiveNeurons {
  const uint8_t* neuron[kActive];
  alignas(64) int8_t q[kActive];
  size_t count;  // a multiple of 4: the last neuron with q = 0 pads it
  int32_t q_sum; // of all q
};

inline void take_active(const uint8_t* neurons, size_t bytes, const int32_t* ids, size_t count,
                        const int8_t* q, ActiveNeurons* active) {
  const size_t some = count < kActive ? count : kActive;
  active->count = (some + 3) / 4 * 4;
  active->q_sum = 0;
  for (size_t i = 0; i < active->count; i++) {
    const size_t id = static_cast<size_t>(ids[i < some ? i : some - 1]);
    active->neuron[i] = neurons + id * bytes;
    active->q[i] = i < some ? q[id] : int8_t{0};
    active->q_sum += active->q[i];
  }
}

/** Calls add(active, next) for all neurons `ids`: multiply the first, fetch as many of the others. */
template <class Add>
void for_active(const uint8_t* neurons, size_t bytes, const int32_t* ids, size_t count,
                const int8_t* q, Add add) {
  ActiveNeurons lists[2];
  if (count == 0)
    return;
  take_active(neurons, bytes, ids, count, q, &lists[0]);
  for (size_t offset = 0; offset < bytes; offset += kLine)
    for (size_t i = 0; i < lists[0].count; i++)
      prefetch(lists[0].neuron[i] + offset);
  for (size_t first = 0; first < count; first += kActive) {
    const ActiveNeurons& active = lists[first / kActive % 2];
    ActiveNeurons& next = lists[first / kActive % 2 ^ 1];
    const size_t following = first + kActive < count ? first + kActive : first;
    take_active(neurons, bytes, ids + following, count - following, q, &next);
    for (size_t i = next.count; i < active.count; i++)
      next.neuron[i] = next.neuron[0]; // nothing more to fetch
    add(active, next);
  }
}

} // namespace
} // namespace bitnet
