// Operations of recurrent layers in the words of lanes.h, bit-equal to vector_scalar.cpp; for
// vector_generic.h.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "../lanes/lanes.h"
#include "vector.h"

namespace bitnet {
namespace {

/** y[i] = f(x[i]) */
template <class F> inline void each(const float* x, size_t count, float* y, F f) {
  for_groups(count, [&](size_t i, auto some) { store(some, y + i, map(f, load(some, x + i))); });
}

/** y[i] = f(a[i], b[i]) */
template <class F> inline void each(const float* a, const float* b, size_t count, float* y, F f) {
  for_groups(count, [&](size_t i, auto some) {
    store(some, y + i, map(f, load(some, a + i), load(some, b + i)));
  });
}

inline Floats sigmoid_of(Floats x) {
  const Floats one = broadcast(1.0f);
  return div(one, add(one, exp_approx(negate(x))));
}

inline Floats softplus_of(Floats x) {
  const Floats one = broadcast(1.0f);
  const Floats y = exp_approx(min(x, negate(x)));
  const Floats u = add(one, y);
  const Ints exponent = shift_right<23>(sub(bits(u), broadcast(kLogLeast)));
  const Floats e = convert(exponent);
  const Floats f = sub(floats_of_bits(sub(bits(u), shift_left<23>(exponent))), one);
  const Floats z = mul(f, f);
  Floats p = broadcast(kLogP[0]);
#pragma GCC unroll 8
  for (int i = 1; i < 9; i++)
    p = fma(p, f, broadcast(kLogP[i]));
  Floats log = fma(e, broadcast(kLogLn2[1]), mul(mul(f, z), p));
  log = add(f, fma(z, broadcast(-0.5f), log));
  log = fma(e, broadcast(kLogLn2[0]), log);
  return add(relu(x), add(log, div(sub(y, sub(u, one)), u)));
}

void sigmoid(const float* x, size_t count, float* y) {
  each(x, count, y, [](Floats v) { return sigmoid_of(v); });
}

void softplus_of_sum(const float* a, const float* b, size_t count, float* y) {
  each(a, b, count, y, [](Floats v, Floats w) { return softplus_of(add(v, w)); });
}

void exp_of_product(const float* a, const float* b, size_t count, float* y) {
  each(a, b, count, y, [](Floats v, Floats w) { return exp_approx(mul(v, w)); });
}

void convolve_silu(const Convolution& c) {
  for_groups(c.count, [&](size_t i, auto some) {
    Lanes sum = lanes_of(0.0f);
    for (size_t j = 0; j < c.taps; j++)
      sum = map([](Floats w, Floats x, Floats s) { return fma(w, x, s); },
                load(some, c.w + j * c.w_stride + i), load(some, c.x[j] + i), sum);
    if (c.bias)
      sum = map([](Floats s, Floats b) { return add(s, b); }, sum, load(some, c.bias + i));
    store(some, c.y + i, map([](Floats v) { return mul(v, sigmoid_of(v)); }, sum));
  });
}

/**
 * kWidth rows of a state, parts kPart and on: to = from * decay, dots[i] = lanes of to[i] · k. As
 * many parts at a time as stay in registers.
 */
template <int kPart>
inline void decay_rows(const float* from, float* to, size_t stride, const float* k, size_t cols,
                       Floats decay, Lanes* dots) {
  Floats acc[kWidth][kPartsTogether];
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++)
#pragma GCC unroll 4
    for (int v = 0; v < kPartsTogether; v++)
      acc[i][v] = broadcast(0.0f);
  for_groups(cols, [&](size_t d, auto some) {
    const Lanes key = load(some, k + d);
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; i++)
#pragma GCC unroll 4
      for (int v = 0; v < kPartsTogether; v++) {
        const size_t at = i * stride + d + kWidth * (kPart + v);
        const Floats s = mul(load(from + at), decay);
        store(to + at, s);
        acc[i][v] = fma(s, key.part[kPart + v], acc[i][v]);
      }
  });
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++)
#pragma GCC unroll 4
    for (int v = 0; v < kPartsTogether; v++)
      dots[i].part[kPart + v] = acc[i][v];
  if constexpr (kPart + kPartsTogether < kParts)
    decay_rows<kPart + kPartsTogether>(from, to, stride, k, cols, decay, dots);
}

/**
 * Of the same rows: to[i] = from[i] + delta[i] * k, dots[i] = lanes of to[i] · q. Where they fade,
 * from[i] is multiplied by `decay` first.
 */
template <int kPart, bool kFade>
inline void update_rows(const float* from, float* to, size_t stride, Floats decay,
                        const float* delta, const float* k, const float* q, size_t cols,
                        Lanes* dots) {
  Floats acc[kWidth][kPartsTogether];
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++)
#pragma GCC unroll 4
    for (int v = 0; v < kPartsTogether; v++)
      acc[i][v] = broadcast(0.0f);
  for_groups(cols, [&](size_t d, auto some) {
    const Lanes key = load(some, k + d), query = load(some, q + d);
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; i++)
#pragma GCC unroll 4
      for (int v = 0; v < kPartsTogether; v++) {
        const size_t at = i * stride + d + kWidth * (kPart + v);
        Floats old = load(from + at);
        if constexpr (kFade)
          old = mul(old, decay);
        const Floats updated = fma(broadcast(delta[i]), key.part[kPart + v], old);
        store(to + at, updated);
        acc[i][v] = fma(updated, query.part[kPart + v], acc[i][v]);
      }
  });
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++)
#pragma GCC unroll 4
    for (int v = 0; v < kPartsTogether; v++)
      dots[i].part[kPart + v] = acc[i][v];
  if constexpr (kPart + kPartsTogether < kParts)
    update_rows<kPart + kPartsTogether, kFade>(from, to, stride, decay, delta, k, q, cols, dots);
}

inline Floats trees_of(const Lanes* dots) {
  Floats sum[kWidth];
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; i++)
    sum[i] = fold(dots[i]);
  return trees(sum);
}

void delta_rule(const DeltaRule& r) {
  for (size_t row = 0; row < r.rows; row += kWidth) {
    const int exist = r.rows - row < kWidth ? static_cast<int>(r.rows - row) : kWidth;
    float* s = r.to + row * r.stride;
    for (size_t t = 0; t < r.n; t++) {
      const float* from = t == 0 ? r.from + row * r.stride : s;
      const float *q = r.q + t * r.qkv_stride, *k = r.k + t * r.qkv_stride;
      Lanes dots[kWidth];
      const Floats decay = broadcast(r.decay[t * r.gate_stride]);
      decay_rows<0>(from, s, r.stride, k, r.cols, decay, dots);
      const Floats value = load_first(exist, r.v + t * r.qkv_stride + row);
      float delta[kWidth];
      store(delta, mul(broadcast(r.beta[t * r.gate_stride]), sub(value, trees_of(dots))));
      update_rows<0, false>(s, s, r.stride, decay, delta, k, q, r.cols, dots);
      store_first(exist, r.o + t * r.o_stride + row, mul(trees_of(dots), broadcast(r.scale)));
    }
  }
}

void state_space(const StateSpace& s) {
  for (size_t row = 0; row < s.rows; row += kWidth) {
    const int exist = s.rows - row < kWidth ? static_cast<int>(s.rows - row) : kWidth;
    float* to = s.to + row * s.stride;
    for (size_t t = 0; t < s.n; t++) {
      const float* from = t == 0 ? s.from + row * s.stride : to;
      const float *b = s.b + t * s.xbc_stride, *c = s.c + t * s.xbc_stride;
      const Floats x = load_first(exist, s.x + t * s.xbc_stride + row);
      float taken[kWidth];
      store(taken, mul(broadcast(s.delta[t * s.gate_stride]), x));
      Lanes dots[kWidth];
      update_rows<0, true>(from, to, s.stride, broadcast(s.decay[t * s.gate_stride]), taken, b, c,
                           s.cols, dots);
      store_first(exist, s.y + t * s.y_stride + row, fma(broadcast(s.skip), x, trees_of(dots)));
    }
  }
}

} // namespace
} // namespace bitnet
