// What stands against a conversion.
#pragma once
#include <stdint.h>

namespace bitnet {

/** As bits; `Finding` in lib/native-types.ts has the same. */
enum Finding : uint32_t {
  kNotFinite = 1,     // a weight or scale is infinite or no number
  kInvalid = 2,       // stored bytes are no ternary code
  kNotTernary = 4,    // a weight is not -s, 0 or +s for what shares a scale
  kScalesDiffer = 8,  // what shares a scale has several in the source
  kScaleRounded = 16, // a scale is no half and was rounded to the nearest
  kScaleLost = 32,    // a scale is too small for a half and became 0
  kTooLarge = 64,     // a scale or value is too large for the type
};

} // namespace bitnet
