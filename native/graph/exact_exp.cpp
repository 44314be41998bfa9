// Taylor's series around a power of two.
#include "exact_exp.h"

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

} // namespace

//   x      = n ln 2 + r      |r| <= ln 2 / 2; ln 2 is subtracted in two parts
//   exp(x) = 2^n exp(r)      exp(r): Taylor's series, whose 14th term is below 5e-18
double exact_exp(double x) {
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

} // namespace bitnet
