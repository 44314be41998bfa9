// What is known of rules before they run: the shortest text of each, and that reading always ends.
#pragma once
#include <stdint.h>

#include <limits>
#include <vector>

#include "rules.h"

namespace bitnet {

/** The length of no text at all. */
constexpr int32_t kNoText = std::numeric_limits<int32_t>::max();

struct Analysis {
  /** [expressions] Bytes of the shortest text, a token counted as one; `kNoText` if there is none. */
  std::vector<int32_t> shortest;
};

/**
 * Refuses rules that begin with themselves, repetitions of what may be empty, and rules of which no
 * text ever ends.
 */
Status analyze_rules(const Rules& rules, Analysis* out);

} // namespace bitnet
