// tanh without a library, whose last bit depends on the CPU, and where it first reaches a value.
#include "soft_cap.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "exact_exp.h"

namespace bitnet {
namespace {

// tanh(z) for z >= 0. Floats are at least 6e-8 of their size apart, so that from 1e-4 on exp(2 z)
// of neighbors differs by far more than its error; the other operations never reverse an order.
double tanh_of(double z) {
  if (z < 1e-4)
    return z - z * z * z / 3.0; // the next term is 1e-17 of it
  if (z > 20.0)
    return 1.0;
  return 1.0 - 2.0 / (exact_exp(2.0 * z) + 1.0);
}

float capped_of(double cap, float x) {
  if (!isfinite(x))
    return x;
  return static_cast<float>(copysign(cap * tanh_of(fabs(x) / cap), x));
}

// The float of an order number: those of floats from -FLT_MAX to FLT_MAX count up from -kLargest.
constexpr int64_t kLargest = 0x7f7fffff;
float float_at(int64_t order) {
  const uint32_t bits = static_cast<uint32_t>(order < 0 ? -order : order);
  float magnitude;
  memcpy(&magnitude, &bits, sizeof magnitude);
  return order < 0 ? -magnitude : magnitude;
}

} // namespace

void soft_cap(float cap, float* x, size_t count) {
  for (size_t i = 0; cap != 0.0f && i < count; ++i)
    x[i] = capped_of(cap, x[i]);
}

float soft_cap_reaches(float cap, float capped) {
  if (cap == 0.0f || !isfinite(capped))
    return capped;
  int64_t low = -kLargest, high = kLargest; // of which one is the answer
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (capped_of(cap, float_at(middle)) < capped)
      low = middle + 1;
    else
      high = middle;
  }
  return float_at(low);
}

} // namespace bitnet
