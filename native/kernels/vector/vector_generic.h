// Vector operations in the words of lanes.h, bit-equal to vector_scalar.cpp; for vector_<isa>.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../lanes/lanes.h"
#include "attention_generic.h"
#include "recurrent_generic.h"
#include "vector.h"

namespace bitnet {
namespace {

/** In double: sums in 16 lanes, then the tree. */
inline double sum_of_squares(const float* x, size_t count) {
  constexpr int kRegisters = 2 * kParts;
  Doubles lane[kRegisters]; // halves of the parts, in order
  for (int i = 0; i < kRegisters; i++)
    lane[i] = broadcast(0.0);
  for_groups(count, [&](size_t i, auto some) {
    const Lanes v = load(some, x + i);
#pragma GCC unroll 4
    for (int j = 0; j < kParts; j++) {
      const Doubles a = low_doubles(v.part[j]), b = high_doubles(v.part[j]);
      lane[2 * j] = fma(a, a, lane[2 * j]);
      lane[2 * j + 1] = fma(b, b, lane[2 * j + 1]);
    }
  });
  for (int distance = kRegisters / 2; distance > 0; distance /= 2)
    for (int i = 0; i < distance; i++)
      lane[i] = add(lane[i], lane[i + distance]);
  return tree(lane[0]);
}

void rms_norm(const float* x, const float* w, size_t count, float eps, float* y) {
  const double mean = sum_of_squares(x, count) / static_cast<double>(count);
  const Floats r =
      broadcast(static_cast<float>(1.0 / square_root(mean + static_cast<double>(eps))));
  for_groups(count, [&](size_t i, auto some) {
    store(some, y + i,
          map([&](Floats a, Floats b) { return mul(mul(a, r), b); }, load(some, x + i),
              load(some, w + i)));
  });
}

void l2_norm(const float* x, size_t count, float eps, float* y) {
  const double sum = sum_of_squares(x, count);
  const Floats r = broadcast(static_cast<float>(1.0 / square_root(sum + static_cast<double>(eps))));
  each(x, count, y, [&](Floats v) { return mul(v, r); });
}

/** The larger of top and |v|, element by element. */
inline IntLanes larger(const IntLanes& top, const Lanes& v) {
  return map_int([](Ints t, Floats f) { return max(t, magnitude(f)); }, top, v);
}

inline uint32_t max_of(const IntLanes& v) {
  Ints top = v.part[0];
  for (int i = 1; i < kParts; i++)
    top = max(top, v.part[i]);
  return static_cast<uint32_t>(max_of(top));
}

void quantize(const float* x, size_t count, int8_t* q, size_t q_stride, int32_t* sum, float* step) {
  IntLanes top = lanes_of(int32_t{0}), total = top;
  for_groups(count, [&](size_t i, auto some) { top = larger(top, load(some, x + i)); });
  const uint32_t most = max_of(top);
  const float magnitude = float_of_bits(most);
  const bool finite = most < 0x7f800000;
  const float a = magnitude > 1e-5f ? magnitude : 1e-5f, s = 127.0f / a;
  uint8_t* bytes = reinterpret_cast<uint8_t*>(q);
  for_groups(finite ? count : 0, [&](size_t i, auto some) {
    const IntLanes v =
        map_int([&](Floats f) { return round(mul(f, broadcast(s))); }, load(some, x + i));
    total = map_int([](Ints t, Ints n) { return add(t, n); }, total, v);
    store_i8(bytes + i, v);
  });
  for (size_t i = finite ? (count + 15) / 16 * 16 : 0; i < q_stride; i += 16)
    store_i8(bytes + i, lanes_of(int32_t{0}));
  *sum = 0;
  for (Ints part : total.part)
    *sum += sum_of(part);
  *step = finite ? a / 127.0f : float_of_bits(0x7fc00000);
}

void scale_rows(const int32_t* acc, const float* row_scale, float step, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto some) {
    store(some, y + i,
          map([&](Ints v, Floats scale) { return mul(convert(v), mul(scale, broadcast(step))); },
              load(some, acc + i), load(some, row_scale + i)));
  });
}

void scale_all(const int32_t* acc, float scale, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto some) {
    store(some, y + i,
          map([&](Ints v) { return mul(convert(v), broadcast(scale)); }, load(some, acc + i)));
  });
}

/** y[i] = activation(g[i]) * u[i] */
template <class Activation>
inline void gate(const float* g, const float* u, size_t count, float* y, Activation activation) {
  for_groups(count, [&](size_t i, auto some) {
    store(some, y + i,
          map([&](Floats v, Floats up) { return mul(activation(v), up); }, load(some, g + i),
              load(some, u + i)));
  });
}

void relu2_mul(const float* g, const float* u, size_t count, float* y) {
  gate(g, u, count, y, [](Floats v) {
    const Floats r = relu(v);
    return mul(r, r);
  });
}

void silu_mul(const float* g, const float* u, size_t count, float* y) {
  gate(g, u, count, y,
       [](Floats v) { return div(v, add(broadcast(1.0f), exp_approx(negate(v)))); });
}

void gelu_tanh_mul(const float* g, const float* u, size_t count, float* y) {
  gate(g, u, count, y, [](Floats v) {
    const Floats w = mul(v, fma(mul(v, v), broadcast(kGeluCubic), broadcast(kGeluLinear)));
    return div(v, add(broadcast(1.0f), exp_approx(w)));
  });
}

/** Sums and differences of elements at distance n: v[i] + v[i ^ n], or v[i ^ n] - v[i]. */
template <int n> inline Lanes butterfly(const Lanes& v) {
  alignas(64) float signs[16];
  for (int i = 0; i < 16; i++)
    signs[i] = (i & n) == 0 ? 1.0f : -1.0f;
  return map([](Floats own, Floats sign, Floats other) { return fma(own, sign, other); }, v,
             load(All{}, signs), swap<n>(v)); // the product is exact
}

void hadamard(float* x, size_t count, size_t block) {
  const float scale = static_cast<float>(1.0 / square_root(static_cast<double>(block)));
  for (float* end = x + count; x < end; x += block) {
    for (size_t i = 0; i < block; i += 16)
      store(All{}, x + i,
            butterfly<8>(butterfly<4>(butterfly<2>(butterfly<1>(load(All{}, x + i))))));
    for (size_t n = 16; n < block; n *= 2)
      for (size_t begin = 0; begin < block; begin += 2 * n)
        for (float* a = x + begin; a < x + begin + n; a += 16) {
          const Lanes p = load(All{}, a), q = load(All{}, a + n);
          store(All{}, a, map([](Floats v, Floats w) { return add(v, w); }, p, q));
          store(All{}, a + n, map([](Floats v, Floats w) { return sub(v, w); }, p, q));
        }
    for (size_t i = 0; i < block; i += 16)
      store(All{}, x + i,
            map([&](Floats v) { return mul(v, broadcast(scale)); }, load(All{}, x + i)));
  }
}

inline void store_halves(All, uint16_t* p, const Lanes& v) {
  store_f16(p, v);
}
inline void store_halves(Some s, uint16_t* p, const Lanes& v) {
  uint16_t all[16];
  store_f16(all, v);
  memcpy(p, all, static_cast<size_t>(s.exist) * sizeof *p);
}

void to_f16(const float* x, size_t count, uint16_t* y) {
  for_groups(count, [&](size_t i, auto some) { store_halves(some, y + i, load(some, x + i)); });
}

/** The 32 codes of two times 16 values; returns their scale as a half. */
inline uint16_t block_to_q8_0(const Lanes (&v)[2], uint8_t* codes) {
  const float a = float_of_bits(max_of(larger(larger(lanes_of(int32_t{0}), v[0]), v[1])));
  uint16_t half = half_of_float(a / 127.0f);
  if (half >= 0x7c00)
    half = 0x7e00;
  const bool empty = half == 0 || half == 0x7e00;
  const Floats s = broadcast(empty ? 0.0f : 1.0f / float_of_half(half));
  for (int i = 0; i < 2; i++) {
    // Out of range, NaN or infinity only where the block is empty or d is subnormal.
    const auto code = [&](Floats f) {
      return max(min(round(mul(f, s)), broadcast(127)), broadcast(-127));
    };
    store_i8(codes + 16 * i, empty ? lanes_of(int32_t{0}) : map_int(code, v[i]));
  }
  return half;
}

void to_q8_0(const float* x, size_t count, uint8_t* row) {
  const size_t padded = (count + 31) / 32 * 32;
  for (size_t begin = 0; begin < padded; begin += 32) {
    const float* from = x + begin;
    const int exist = count - begin < 32 ? static_cast<int>(count - begin) : 32;
    Lanes v[2];
    if (exist == 32) {
      v[0] = load(All{}, from);
      v[1] = load(All{}, from + 16);
    } else {
      v[0] = load(Some{exist < 16 ? exist : 16}, from);
      v[1] = exist > 16 ? load(Some{exist - 16}, from + 16) : lanes_of(0.0f);
    }
    const uint16_t half = block_to_q8_0(v, row + begin);
    memcpy(row + padded + begin / 16, &half, sizeof half);
  }
}

/** Of 16 rows the lane j of their dots: fma over k = j, j + 16 … from +0. */
template <bool kHalf> inline Lanes lane_of_rows(const uint8_t* tile, const Expansion& e, size_t j) {
  constexpr size_t kColumnBytes = kExpandRows * (kHalf ? 2 : 4);
  Lanes lane = lanes_of(0.0f);
  for (size_t k = j; k < e.rank; k += 16) {
    const uint8_t* column = tile + k * kColumnBytes;
    const Floats t = broadcast(e.t[k]);
    lane = map([&](Floats b, Floats sum) { return fma(b, t, sum); },
               kHalf ? load_f16(column) : load_f32(column), lane);
  }
  return lane;
}

/** The tree over lanes j, j + distance, j + 2 distance … of 16 rows, few registers at a time. */
template <bool kHalf, size_t kDistance>
inline Lanes tree_of_rows(const uint8_t* tile, const Expansion& e, size_t j) {
  if constexpr (kDistance == 16)
    return lane_of_rows<kHalf>(tile, e, j);
  else
    return map([](Floats a, Floats b) { return add(a, b); },
               tree_of_rows<kHalf, 2 * kDistance>(tile, e, j),
               tree_of_rows<kHalf, 2 * kDistance>(tile, e, j + kDistance));
}

template <bool kHalf> void expand(const Expansion& e) {
  const size_t tile_bytes = e.rank * kExpandRows * (kHalf ? 2 : 4);
  for (size_t i = 0; i < e.count;) {
    const size_t row = e.row + i, skipped = row % kExpandRows;
    const size_t left = e.count - i, room = kExpandRows - skipped;
    const size_t count = left < room ? left : room;
    const Lanes dots = tree_of_rows<kHalf, 1>(e.b + row / kExpandRows * tile_bytes, e, 0);
    float* y = e.y + i;
    if (count == kExpandRows) {
      store(All{}, y, map([](Floats a, Floats b) { return add(a, b); }, load(All{}, y), dots));
    } else {
      float all[kExpandRows];
      store(All{}, all, dots);
      for (size_t r = 0; r < count; r++)
        y[r] += all[skipped + r];
    }
    i += count;
  }
}

constexpr VectorKernel kernel_for(const char* isa, uint32_t features) {
  return {
      .isa = isa,
      .features = features,
      .rms_norm = rms_norm,
      .quantize = quantize,
      .scale_rows = scale_rows,
      .scale_all = scale_all,
      .relu2_mul = relu2_mul,
      .silu_mul = silu_mul,
      .gelu_tanh_mul = gelu_tanh_mul,
      .hadamard = hadamard,
      .to_f16 = to_f16,
      .to_q8_0 = to_q8_0,
      .l2_norm = l2_norm,
      .sigmoid = sigmoid,
      .softplus_of_sum = softplus_of_sum,
      .exp_of_product = exp_of_product,
      .convolve_silu = convolve_silu,
      .delta_rule = delta_rule,
      .state_space = state_space,
      .expand = {.f32 = expand<false>, .f16 = expand<true>},
      .attention_block =
          {
              .f16 = attention_block<kKvF16>,
              .q8_0 = attention_block<kKvQ8_0>,
          },
      .attention_combine = attention_combine,
  };
}

} // namespace
} // namespace bitnet
