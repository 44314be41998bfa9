// exp without a library, whose last bit depends on the CPU.
#pragma once

namespace bitnet {

/** exp(x) in double for 0 <= x <= 80, to about 4e-16. */
double exact_exp(double x);

} // namespace bitnet
