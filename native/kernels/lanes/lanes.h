// The 16 lanes that kernels are written in, once for all instruction sets. A kernel file includes
// lanes_<isa>.h first, which defines the register types and these primitives:
//
//   Floats, Ints, Doubles   a register: kWidth f32 or int32, half as many f64
//   Lanes, IntLanes         16 values: kParts registers `part`, element i in part[i / kWidth]
//   kPartsTogether          parts of 16 lanes for which kWidth accumulators fit into registers
//   kGroupsTogether         16 lanes for which, with four rows, accumulators fit into registers
//
//   broadcast(v)            v in every element
//   load(p), store(p, v)    any alignment
//   load_first(n, p)        the first n elements, zeros behind them; reads no others. n may be
//                           negative, or beyond kWidth up to 16, here and in the next two
//   store_first(n, p, v)    writes the first n elements only
//   choose_first(n, v, w)   the first n elements of v, behind them those of w
//   add sub mul div         element by element
//   min max                 min(a, b) is NaN where b is
//   fma(a, b, c)            a * b + c, rounded once; of single floats too
//   negate(v), relu(v)      relu: v where v > 0, else +0, also where v is NaN
//   zero_below(l, x, v)     v, but +0 where x < l
//   convert(i), round(v)    int32 to f32 and back, half to even
//   bits, floats_of_bits    the same 32 bits
//   magnitude(v)            the bits without the sign: they order as |v|, infinity and NaN above all
//   shift_left<n>(i)        and shift_right<n>, which shifts zeros in
//   low_doubles(v)          the first half of v in f64, exact; high_doubles the second
//   first(v)                element 0
//   max_of(v), sum_of(i)    of all elements
//   swap_within<n>(v)       element i is that at i ^ n, for n < kWidth
//   tree(v)                 the sum of all elements in the order that dense.h defines
//   trees(v)                tree() of kWidth registers at once: element i is tree(v[i])
//
//   load_f32, load_bf16     16 stored values as f32, any alignment, exact
//   load_f16, store_f16     16 halves, exact; rounded to nearest, ties to even
//   load_i8, store_i8       16 int8 as f32; int32 within ±127 as int8
//   float_of_half(h)        and half_of_float(v), float_of_bits(i), square_root(double): of one
//   prefetch<kIntoL1>(p)    asks for a cache line, which need not exist
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "exp.h"

namespace bitnet {
namespace {

struct All {}; // all 16 elements of a group
struct Some {  // the first few
  int exist;
};

/** Calls f(i, All or Some) for each group of 16 elements; only the last one may be Some. */
template <class F> inline void for_groups(size_t count, F f) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    f(i, All{});
  if (i < count)
    f(i, Some{static_cast<int>(count - i)});
}

/** f(i) of each part i, as Lanes or IntLanes. */
template <class To, class F> inline To each_part(F f) {
  static_assert(kParts == 1 || kParts == 2 || kParts == 4, "registers of 128 to 512 bits");
  if constexpr (kParts == 1)
    return {{f(0)}};
  else if constexpr (kParts == 2)
    return {{f(0), f(1)}};
  else
    return {{f(0), f(1), f(2), f(3)}};
}

/** f of the registers of one operand or several. */
template <class F, class... From> inline Lanes map(F f, const From&... from) {
  return each_part<Lanes>([&](int i) { return f(from.part[i]...); });
}
template <class F, class... From> inline IntLanes map_int(F f, const From&... from) {
  return each_part<IntLanes>([&](int i) { return f(from.part[i]...); });
}

inline Lanes lanes_of(float v) {
  return each_part<Lanes>([&](int) { return broadcast(v); });
}
inline IntLanes lanes_of(int32_t v) {
  return each_part<IntLanes>([&](int) { return broadcast(v); });
}

inline Lanes load(All, const float* p) {
  return each_part<Lanes>([&](int i) { return load(p + kWidth * i); });
}
inline Lanes load(Some s, const float* p) {
  return each_part<Lanes>([&](int i) { return load_first(s.exist - kWidth * i, p + kWidth * i); });
}
inline IntLanes load(All, const int32_t* p) {
  return each_part<IntLanes>([&](int i) { return load(p + kWidth * i); });
}
inline IntLanes load(Some s, const int32_t* p) {
  return each_part<IntLanes>(
      [&](int i) { return load_first(s.exist - kWidth * i, p + kWidth * i); });
}
inline void store(All, float* p, const Lanes& v) {
  for (int i = 0; i < kParts; i++)
    store(p + kWidth * i, v.part[i]);
}
inline void store(Some s, float* p, const Lanes& v) {
  for (int i = 0; i < kParts; i++)
    store_first(s.exist - kWidth * i, p + kWidth * i, v.part[i]);
}
/** v where the element exists, else `other`. */
inline Lanes choose(All, const Lanes& v, float) { return v; }
inline Lanes choose(Some s, const Lanes& v, float other) {
  return each_part<Lanes>(
      [&](int i) { return choose_first(s.exist - kWidth * i, v.part[i], broadcast(other)); });
}

/** Element i is that at i ^ n. */
template <int n> inline Lanes swap(const Lanes& v) {
  if constexpr (n < kWidth)
    return map([](Floats f) { return swap_within<n>(f); }, v);
  else
    return each_part<Lanes>([&](int i) { return v.part[i ^ (n / kWidth)]; });
}

/** The parts of 16 lanes added up as far as the tree goes between registers. */
inline Floats fold(const Lanes& v) {
  if constexpr (kParts == 1)
    return v.part[0];
  else if constexpr (kParts == 2)
    return add(v.part[0], v.part[1]);
  else
    return add(add(v.part[0], v.part[2]), add(v.part[1], v.part[3]));
}

/** Pairs at distance 8, 4, 2, 1. */
inline float tree(const Lanes& v) { return tree(fold(v)); }

/** exp as vector_scalar.cpp defines it, step by step. */
inline Floats exp_approx(Floats x) {
  const Floats magic = broadcast(kExpMagic), one = broadcast(1.0f);
  const Floats bounded = min(broadcast(kExpMost), x);
  const Floats t = fma(bounded, broadcast(kExpLog2e), magic);
  const Floats n = sub(t, magic);
  const Floats r = fma(n, broadcast(kExpMinusLn2[1]), fma(n, broadcast(kExpMinusLn2[0]), bounded));
  Floats p = broadcast(kExpP[0]);
  p = fma(p, r, broadcast(kExpP[1]));
  p = fma(p, r, broadcast(kExpP[2]));
  p = fma(p, r, broadcast(kExpP[3]));
  p = fma(p, r, broadcast(kExpP[4]));
  p = fma(p, r, broadcast(kExpP[5]));
  const Floats y = add(fma(p, mul(r, r), r), one);
  const Ints e = add(sub(bits(t), bits(magic)), broadcast(256));
  const Ints half = shift_right<1>(e), least = broadcast(1);
  const Floats scale1 = floats_of_bits(shift_left<23>(sub(half, least)));
  const Floats scale2 = floats_of_bits(shift_left<23>(sub(sub(e, half), least)));
  return zero_below(broadcast(kExpLeast), x, mul(mul(y, scale1), scale2));
}

inline float exp_of_one(float x) { return first(exp_approx(broadcast(x))); }

} // namespace
} // namespace bitnet
