// Soft-capping of logits: c * tanh(x / c), one definition in plain arithmetic for every CPU.
#pragma once
#include <stddef.h>

namespace bitnet {

/**
 * x[i] = cap * tanh(x[i] / cap), computed in double to about 1e-15 and rounded once; a larger x
 * never gives a smaller result. Numbers that are not finite stay, so that damage is seen. A cap of
 * 0 is none.
 */
void soft_cap(float cap, float* x, size_t count);

/**
 * The smallest number that soft_cap does not bring below `capped`; `capped` itself where it is not
 * finite or cap is 0.
 */
float soft_cap_reaches(float cap, float capped);

} // namespace bitnet
