// The order in which the x86 neuron kernels read scattered neurons, and what they fetch ahead.
// Anonymous, like the layouts.
//
// Lines are fetched into L2: more can be under way to it than to L1 (Zen 4: a quarter more of
// scattered neurons). All neurons of a group are fetched at one line before the next line: memory
// answers them in this order half again as fast as neuron by neuron.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "neuron_active.h"

namespace bitnet {
namespace {

constexpr size_t kFetch = 16; // row neurons fetched together

/** Four neurons to multiply, and what to fetch meanwhile: as many lines, from number `line` on. */
struct NeuronStep {
  const uint8_t* neuron[4];
  const uint8_t* const* ahead; // [kFetch]
  size_t line;
};

inline void fetch(const uint8_t* const* neurons /* [kFetch] */, size_t line) {
  prefetch(neurons[line % kFetch] + line / kFetch * kLine);
}

/**
 * Calls body(step, i) for every four of at(0..count); the last neuron stands in for those behind
 * it.
 */
template <class At, class Body> void for_steps(At at, size_t count, size_t bytes, Body body) {
  const size_t lines = (bytes + kLine - 1) / kLine;
  const uint8_t* ahead[kFetch];
  NeuronStep step;
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
      step.neuron[u] = at(i + u < count ? i + u : count - 1);
    step.line = i % kFetch * lines;
    body(step, i);
  }
}

} // namespace
} // namespace bitnet
