// tanh without a library, whose last bit depends on the CPU, and where it first reaches a value.
#include "soft_cap.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

namespace bitnet {
namespace {

// 1 / k! for k = 0..13.
struct Factorials {
  double inverse[14] = {1.0};
  constexpr Factorials() {
    double factorial = 1.0;
    for (int k = 1; k < 14; ++k)
      inverse[k] = 1.0 / (factorial *= k);
  }
};
constexpr Factorials kFactorials;

// exp(x) for 0 <= x <= 40, to about 4e-16:
//   x      = n ln 2 + r      |r| <= ln 2 / 2; ln 2 is subtracted in two parts
//   exp(x) = 2^n exp(r)      exp(r): Taylor's series, whose 14th term is below 5e-18
double exp_of(double x) {
  const double n = floor(x * 1.4426950408889634 + 0.5);
  const double r = (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
  double sum = kFactorials.inverse[13];
  for (int k = 12; k >= 0; --k)
    sum = sum * r + kFactorials.inverse[k];
  const uint64_t bits = static_cast<uint64_t>(static_cast<int64_t>(n) + 1023) << 52;
  double power;
  memcpy(&power, &bits, sizeof power);
  return sum * power;
}

// tanh(z) for z >= 0. Floats are at least 6e-8 of their size apart, so that from 1e-4 on exp(2 z)
// of neighbors differs by far more than its error; the other operations never reverse an order.
double tanh_of(double z) {
  if (z < 1e-4)
    return z - z * z * z / 3.0; // the next term is 1e-17 of it
  if (z > 20.0)
    return 1.0;
  return 1.0 - 2.0 / (exp_of(2.0 * z) + 1.0);
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
