// The numbers of exp and log, one polynomial each for all kernels: of vector_scalar.cpp, which defines
// them, and of the lanes.
#pragma once
#include <stdint.h>

namespace bitnet {
namespace {

/**
 * exp(x), at most 1 ulp off where the result is normal:
 *
 *   x      = n ln 2 + r                 |r| <= ln 2 / 2; ln 2 is subtracted in two parts
 *   exp(x) = 2^n (1 + r + r² p(r))      p: Cephes' minimax polynomial (Moshier, expf.c)
 *
 * exp(0) = 1 exactly; x < kExpLeast (the result would be subnormal) gives 0; from 88.72284 on
 * infinity; NaN stays NaN. 2^n is two factors because 2^128 is no float but p * 2^128 may be.
 */
constexpr float kExpLeast = -87.33654f, kExpMost = 89.0f;
constexpr float kExpLog2e = 1.44269504f;
constexpr float kExpMinusLn2[2] = {-0.693359375f, 2.12194440e-4f};
constexpr float kExpP[6] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                            4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
/** 1.5 * 2^23: adding it rounds to an integer, which stands in the low bits. */
constexpr float kExpMagic = 12582912.0f;

/**
 * log(1 + y) for y from 0 to 1:
 *
 *   u          = 1 + y, rounded
 *   u          = 2^e m                            m from sqrt(1/2) to sqrt(2), f = m - 1
 *   log(u)     = e ln 2 + f - f² / 2 + f³ p(f)    p: Cephes' minimax polynomial (Moshier, logf.c)
 *   log(1 + y) = log(u) + (y - (u - 1)) / u       what the rounding of u lost
 *
 * ln 2 is added in two parts.
 */
constexpr int32_t kLogLeast = 0x3f3504f3; // the bits of sqrt(1/2)
constexpr float kLogLn2[2] = {0.693359375f, -2.12194440e-4f};
constexpr float kLogP[9] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                            -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                            2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};

} // namespace
} // namespace bitnet
