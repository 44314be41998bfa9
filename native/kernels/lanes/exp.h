// The numbers of exp, one polynomial for all kernels: of vector_scalar.cpp, which defines it, and of
// lanes.h.
#pragma once

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

} // namespace
} // namespace bitnet
