// Vector operations in plain C++: the definition, to the bit, of each function in vector.h.
#include "vector.h"

#include <math.h>
#include <string.h>

#include "../lanes/exp.h"

namespace bitnet {
namespace {

uint32_t bits_of_float(float f) {
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return bits;
}

float float_of_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

/** IEEE half to float, exact; a signalling NaN becomes quiet, as VCVTPH2PS does. */
float float_of_half(uint32_t h) {
  const uint32_t sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
  if (exponent == 31) // infinity, NaN
    return float_of_bits(sign | 0x7f800000 | fraction << 13 | (fraction ? 0x400000 : 0));
  if (exponent == 0) { // zero, subnormal: fraction * 2^-24
    const float f = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -f : f;
  }
  return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

/** Round to nearest even; a NaN keeps its top payload bits and becomes quiet, as VCVTPS2PH does. */
uint32_t half_of_float(float f) {
  const uint32_t bits = bits_of_float(f), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return sign | 0x7e00 | (magnitude >> 13 & 0x3ff);
  if (magnitude >= 0x47800000)
    return sign | 0x7c00;     // >= 2^16; from 65520 on the carry below gets there too
  if (magnitude < 0x38800000) // < 2^-14: a multiple of 2^-24, rounded by adding 0.5
    return sign | (bits_of_float(float_of_bits(magnitude) + 0.5f) - 0x3f000000);
  const uint32_t odd = magnitude >> 13 & 1;
  return sign | (magnitude - 0x38000000 + 0xfff + odd) >> 13;
}

/** Pairs at distance 8, 4, 2, 1. */
template <class T> T tree(T* lane) {
  for (size_t distance = 8; distance > 0; distance /= 2)
    for (size_t j = 0; j < distance; j++)
      lane[j] += lane[j + distance];
  return lane[0];
}

/** exp, as lanes/exp.h derives it. */
float exp_approx(float x) {
  if (x < kExpLeast)
    return 0.0f;
  if (x > kExpMost)
    x = kExpMost;
  const float t = fmaf(x, kExpLog2e, kExpMagic);
  const float n = t - kExpMagic;
  const float r = fmaf(n, kExpMinusLn2[1], fmaf(n, kExpMinusLn2[0], x));
  float p = 0.0f;
  for (float coefficient : kExpP)
    p = fmaf(p, r, coefficient);
  const float y = fmaf(p, r * r, r) + 1.0f;
  const uint32_t e =
      bits_of_float(t) - bits_of_float(kExpMagic) + 256; // n + 256, so that halving it is unsigned
  const uint32_t half = e / 2;                           // n / 2 + 128, rounded down
  return y * float_of_bits((half - 1) << 23) * float_of_bits((e - half - 1) << 23);
}

/** log(1 + exp(x)), the logarithm as lanes/exp.h derives it. */
float softplus(float x) {
  const float y = exp_approx(x < 0.0f ? x : -x);
  const float u = 1.0f + y;
  const uint32_t exponent = (bits_of_float(u) - static_cast<uint32_t>(kLogLeast)) >> 23;
  const float e = static_cast<float>(exponent);
  const float f = float_of_bits(bits_of_float(u) - (exponent << 23)) - 1.0f;
  const float z = f * f;
  float p = 0.0f;
  for (float coefficient : kLogP)
    p = fmaf(p, f, coefficient);
  float log = fmaf(e, kLogLn2[1], (f * z) * p);
  log = f + fmaf(z, -0.5f, log);
  log = fmaf(e, kLogLn2[0], log);
  return (x > 0.0f ? x : 0.0f) + (log + (y - (u - 1.0f)) / u);
}

double sum_of_squares(const float* x, size_t count) {
  double lane[16] = {};
  for (size_t i = 0; i < count; i++)
    lane[i % 16] = fma(x[i], x[i], lane[i % 16]);
  return tree(lane);
}

void rms_norm(const float* x, const float* w, size_t count, float eps, float* y) {
  const double mean = sum_of_squares(x, count) / static_cast<double>(count);
  const float r = static_cast<float>(1.0 / sqrt(mean + static_cast<double>(eps)));
  for (size_t i = 0; i < count; i++)
    y[i] = (x[i] * r) * w[i];
}

void l2_norm(const float* x, size_t count, float eps, float* y) {
  const double sum = sum_of_squares(x, count);
  const float r = static_cast<float>(1.0 / sqrt(sum + static_cast<double>(eps)));
  for (size_t i = 0; i < count; i++)
    y[i] = x[i] * r;
}

void sigmoid(const float* x, size_t count, float* y) {
  for (size_t i = 0; i < count; i++)
    y[i] = 1.0f / (1.0f + exp_approx(-x[i]));
}

void softplus_of_sum(const float* a, const float* b, size_t count, float* y) {
  for (size_t i = 0; i < count; i++)
    y[i] = softplus(a[i] + b[i]);
}

void exp_of_product(const float* a, const float* b, size_t count, float* y) {
  for (size_t i = 0; i < count; i++)
    y[i] = exp_approx(a[i] * b[i]);
}

void convolve_silu(const Convolution& c) {
  for (size_t i = 0; i < c.count; i++) {
    float sum = 0.0f;
    for (size_t j = 0; j < c.taps; j++)
      sum = fmaf(c.w[j * c.w_stride + i], c.x[j][i], sum);
    if (c.bias)
      sum += c.bias[i];
    c.y[i] = sum * (1.0f / (1.0f + exp_approx(-sum)));
  }
}

void delta_rule(const DeltaRule& r) {
  for (size_t t = 0; t < r.n; t++)
    for (size_t row = 0; row < r.rows; row++) {
      const float *q = r.q + t * r.qkv_stride, *k = r.k + t * r.qkv_stride;
      const float* from = (t == 0 ? r.from : r.to) + row * r.stride;
      float* s = r.to + row * r.stride;
      float dot[16] = {};
      for (size_t c = 0; c < r.cols; c++) {
        s[c] = from[c] * r.decay[t * r.gate_stride];
        dot[c % 16] = fmaf(s[c], k[c], dot[c % 16]);
      }
      const float v = r.v[t * r.qkv_stride + row];
      const float delta = r.beta[t * r.gate_stride] * (v - tree(dot));
      float out[16] = {};
      for (size_t c = 0; c < r.cols; c++) {
        s[c] = fmaf(delta, k[c], s[c]);
        out[c % 16] = fmaf(s[c], q[c], out[c % 16]);
      }
      r.o[t * r.o_stride + row] = tree(out) * r.scale;
    }
}

void state_space(const StateSpace& s) {
  for (size_t t = 0; t < s.n; t++)
    for (size_t row = 0; row < s.rows; row++) {
      const float *b = s.b + t * s.xbc_stride, *c = s.c + t * s.xbc_stride;
      const float* from = (t == 0 ? s.from : s.to) + row * s.stride;
      float* to = s.to + row * s.stride;
      const float x = s.x[t * s.xbc_stride + row];
      const float taken = s.delta[t * s.gate_stride] * x;
      float out[16] = {};
      for (size_t i = 0; i < s.cols; i++) {
        to[i] = fmaf(taken, b[i], from[i] * s.decay[t * s.gate_stride]);
        out[i % 16] = fmaf(to[i], c[i], out[i % 16]);
      }
      s.y[t * s.y_stride + row] = fmaf(s.skip, x, tree(out));
    }
}

void quantize(const float* x, size_t count, int8_t* q, size_t q_stride, int32_t* sum, float* step) {
  uint32_t top = 0; // magnitudes order as their bits do, with infinity and NaN above all
  for (size_t i = 0; i < count; i++) {
    const uint32_t magnitude = bits_of_float(x[i]) & 0x7fffffff;
    if (magnitude > top)
      top = magnitude;
  }
  memset(q, 0, q_stride);
  *sum = 0;
  *step = float_of_bits(0x7fc00000);
  if (top >= 0x7f800000)
    return;
  const float a = float_of_bits(top) > 1e-5f ? float_of_bits(top) : 1e-5f;
  const float s = 127.0f / a;
  for (size_t i = 0; i < count; i++) {
    // |x * s| < 127.0001: it can neither leave int8 nor reach -128.
    const int32_t rounded = static_cast<int32_t>(rintf(x[i] * s));
    q[i] = static_cast<int8_t>(rounded);
    *sum += rounded;
  }
  *step = a / 127.0f;
}

void scale_rows(const int32_t* acc, const float* row_scale, float step, size_t count, float* y) {
  for (size_t i = 0; i < count; i++)
    y[i] = static_cast<float>(acc[i]) * (row_scale[i] * step);
}

void scale_all(const int32_t* acc, float scale, size_t count, float* y) {
  for (size_t i = 0; i < count; i++)
    y[i] = static_cast<float>(acc[i]) * scale;
}

void relu2_mul(const float* g, const float* u, size_t count, float* y) {
  for (size_t i = 0; i < count; i++) {
    const float r = g[i] > 0.0f ? g[i] : 0.0f;
    y[i] = (r * r) * u[i];
  }
}

void silu_mul(const float* g, const float* u, size_t count, float* y) {
  for (size_t i = 0; i < count; i++)
    y[i] = (g[i] / (1.0f + exp_approx(-g[i]))) * u[i];
}

void gelu_tanh_mul(const float* g, const float* u, size_t count, float* y) {
  for (size_t i = 0; i < count; i++) {
    const float w = g[i] * fmaf(g[i] * g[i], kGeluCubic, kGeluLinear);
    y[i] = (g[i] / (1.0f + exp_approx(w))) * u[i];
  }
}

void hadamard(float* x, size_t count, size_t block) {
  const float scale = static_cast<float>(1.0 / sqrt(static_cast<double>(block)));
  for (size_t n = 1; n < block; n *= 2)
    for (size_t i = 0; i < count; i++)
      if ((i & n) == 0) {
        const float a = x[i], b = x[i + n];
        x[i] = a + b;
        x[i + n] = a - b;
      }
  for (size_t i = 0; i < count; i++)
    x[i] *= scale;
}

void to_f16(const float* x, size_t count, uint16_t* y) {
  for (size_t i = 0; i < count; i++)
    y[i] = static_cast<uint16_t>(half_of_float(x[i]));
}

void to_q8_0(const float* x, size_t count, uint8_t* row) {
  const size_t padded = (count + 31) / 32 * 32;
  memset(row, 0, padded);
  for (size_t begin = 0; begin < padded; begin += 32) {
    const size_t end = begin + 32 < count ? begin + 32 : count;
    uint32_t top = 0; // magnitudes order as their bits do, with infinity and NaN above all
    for (size_t i = begin; i < end; i++) {
      const uint32_t magnitude = bits_of_float(x[i]) & 0x7fffffff;
      if (magnitude > top)
        top = magnitude;
    }
    uint16_t half = static_cast<uint16_t>(half_of_float(float_of_bits(top) / 127.0f));
    if (half >= 0x7c00)
      half = 0x7e00;
    else if (half > 0) {
      const float s = 1.0f / float_of_half(half);
      for (size_t i = begin; i < end; i++) {
        const float q = rintf(x[i] * s); // beyond 127 where d lost bits as a subnormal
        row[i] = static_cast<uint8_t>(static_cast<int8_t>(q > 127.0f    ? 127.0f
                                                          : q < -127.0f ? -127.0f
                                                                        : q));
      }
    }
    memcpy(row + padded + begin / 16, &half, sizeof half);
  }
}

template <class Stored> float float_of(const uint8_t* p) {
  Stored stored;
  memcpy(&stored, p, sizeof stored);
  if constexpr (sizeof stored == sizeof(uint16_t))
    return float_of_half(stored);
  else
    return float_of_bits(stored);
}

template <class Stored> void expand(const Expansion& e) {
  for (size_t i = 0; i < e.count; i++) {
    const size_t tile = (e.row + i) / kExpandRows, in_tile = (e.row + i) % kExpandRows;
    float lane[16] = {};
    for (size_t k = 0; k < e.rank; k++) {
      const size_t at = (tile * e.rank + k) * kExpandRows + in_tile;
      lane[k % 16] = fmaf(float_of<Stored>(e.b + at * sizeof(Stored)), e.t[k], lane[k % 16]);
    }
    e.y[i] += tree(lane);
  }
}

/** Value d of a cached row. */
template <KvType kType> float cached(const uint8_t* row, size_t head_dim, size_t d) {
  uint16_t half;
  if (kType == kKvF16) {
    memcpy(&half, row + 2 * d, sizeof half);
    return float_of_half(half);
  }
  memcpy(&half, row + head_dim + d / 32 * 2, sizeof half);
  return float_of_half(half) * static_cast<float>(static_cast<int8_t>(row[d]));
}

// Row j of what begins at `rows` and goes on at `rest`.
const uint8_t* cached_row(const AttentionBlock& b, const uint8_t* rows, const uint8_t* rest,
                          size_t j) {
  return j < b.split ? rows + j * b.row_bytes : rest + (j - b.split) * b.row_bytes;
}

template <KvType kType> void attention_block(const AttentionBlock& b) {
  for (size_t row = 0; row < b.rows; row++) {
    const float* q = b.q + row * b.head_dim;
    float* o = b.o + row * b.head_dim;
    float p[64];
    float m = -INFINITY;
    for (size_t j = 0; j < b.positions; j++) {
      const uint8_t* k = cached_row(b, b.k, b.k_rest, j);
      float lane[16] = {};
      for (size_t d = 0; d < b.head_dim; d++)
        lane[d % 16] = fmaf(q[d], cached<kType>(k, b.head_dim, d), lane[d % 16]);
      p[j] = tree(lane) * b.scale;
      m = m > p[j] ? m : p[j];
    }
    float lane[16] = {};
    for (size_t d = 0; d < b.head_dim; d++)
      o[d] = 0.0f;
    for (size_t j = 0; j < b.positions; j++) {
      const uint8_t* v = cached_row(b, b.v, b.v_rest, j);
      p[j] = exp_approx(p[j] - m);
      lane[j % 16] += p[j];
      for (size_t d = 0; d < b.head_dim; d++)
        o[d] = fmaf(p[j], cached<kType>(v, b.head_dim, d), o[d]);
    }
    b.m[row] = m;
    b.l[row] = tree(lane);
  }
}

void attention_combine(float* m, float* l, float* o, float m2, float l2, const float* o2,
                       size_t head_dim) {
  const float t = *m > m2 ? *m : m2;
  const float a = exp_approx(*m - t), c = exp_approx(m2 - t);
  *l = fmaf(*l, a, l2 * c);
  for (size_t d = 0; d < head_dim; d++)
    o[d] = fmaf(o[d], a, o2[d] * c);
  *m = t;
}

} // namespace

extern const VectorKernel kVectorScalar;
const VectorKernel kVectorScalar = {
    .isa = "scalar",
    .features = 0,
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
    .expand = {.f32 = expand<uint32_t>, .f16 = expand<uint16_t>},
    .attention_block =
        {
            .f16 = attention_block<kKvF16>,
            .q8_0 = attention_block<kKvQ8_0>,
        },
    .attention_combine = attention_combine,
};

} // namespace bitnet
