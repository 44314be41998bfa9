// Contract of the vector operations around the products, each defined to the bit (see dense.h for
// lanes and tree).
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

/** The coefficients of gelu_tanh_mul. */
constexpr float kGeluLinear = -1.5957691f;  // -2 sqrt(2/π)
constexpr float kGeluCubic = -0.071354816f; // -2 sqrt(2/π) * 0.044715

/** How a KV cache holds the keys or values of one head at one position: a row. */
enum KvType : uint32_t {
  kKvF16,  // f16 [head_dim]
  kKvQ8_0, // int8 [head_dim], then f16 [head_dim / 32]: values are d * q, exact in f32
  kKvTypes
};

/**
 * One block of at most 64 positions of causal attention for query rows that share a KV head:
 *
 *   s[j] = (q · k[j]) * scale       dot: fma in 16 lanes (d mod 16) from +0, then the tree
 *   m    = max_j s[j]
 *   p[j] = exp(s[j] - m)            exp: exp_approx of vector_scalar.cpp, one for all ISAs
 *   l    = Σ_j p[j]                 in 16 lanes (j mod 16), then the tree
 *   o[d] = Σ_j p[j] * v[j][d]       fma in increasing j from +0
 *
 * A maximum of 0 may have either sign. With a NaN among s only l and o show it.
 */
struct AttentionBlock {
  const float* q;   // [rows, head_dim], 64-byte aligned
  size_t rows;      // heads of one KV group, of one or several tokens that all see these positions
  size_t head_dim;  // padded with zeros to a multiple of 16, for kKvQ8_0 of 32
  const uint8_t* k; // [split, row_bytes] rows of the cache's type, zero padded, 2-byte aligned
  const uint8_t* v; // [split, row_bytes]
  size_t row_bytes; // even
  size_t positions; // 1..64
  // The rows of positions from `split` on lie elsewhere.
  size_t split = 64;
  const uint8_t* k_rest = nullptr; // [positions - split, row_bytes]
  const uint8_t* v_rest = nullptr; // [positions - split, row_bytes]
  float scale;                     // 1/sqrt(true head_dim)
  float* m;                        // [rows] out
  float* l;                        // [rows] out
  float* o;                        // [rows, head_dim] out
};

/** Tokens that a convolution sees, at most. */
constexpr size_t kMostTaps = 16;

/**
 * A causal convolution of each channel for itself, and what follows it (depthwise, Gu & Dao 2023):
 *
 *   s    = Σ_j w[j][i] * x[j][i]    fma in increasing j from +0
 *   s   += bias[i]                  where there is one
 *   y[i] = s * (1 / (1 + exp(-s)))
 */
struct Convolution {
  const float* const* x; // [taps] rows of `count` values, one for each token, the last the newest
  const float* w;        // [taps, w_stride]
  size_t taps;
  size_t w_stride;
  size_t count;                // channels
  float* y;                    // [count] out; may be any of x
  const float* bias = nullptr; // [count]
};

/**
 * One head of a gated delta net (Yang et al. 2024) for some tokens, one after the other. Every row r
 * of the state S is for itself:
 *
 *   S[r]  = S[r] * decay
 *   d     = beta * (v[r] - S[r] · k)
 *   S[r] += d * k                    fma
 *   o[r]  = (S[r] · q) * scale
 *
 * The dots are fma in 16 lanes (column mod 16) from +0, then the tree.
 */
struct DeltaRule {
  const float* from; // [rows padded to 16, stride] the state before the first token
  float* to;         // the same after the last; may be `from`
  size_t rows;       // of the state: values of a head
  size_t cols;       // keys of a head
  size_t stride;     // cols padded with zeros to a multiple of 16
  size_t n;          // tokens, at least 1
  const float* q;    // [n, cols] rows of qkv_stride
  const float* k;    // [n, cols]
  const float* v;    // [n, rows]
  size_t qkv_stride;
  const float* decay; // [n] gate_stride apart
  const float* beta;  // [n]
  size_t gate_stride;
  float scale;
  float* o; // [n, rows] rows of o_stride, out
  size_t o_stride;
};

/**
 * One head of a selective state space (Mamba-2, Dao & Gu 2024) for some tokens, one after the other.
 * Every row r of the state S is for itself:
 *
 *   S[r] = fma(delta * x[r], b, S[r] * decay)
 *   y[r] = fma(skip, x[r], S[r] · c)
 *
 * The dot is fma in 16 lanes (column mod 16) from +0, then the tree.
 */
struct StateSpace {
  const float* from; // [rows padded to 16, stride] the state before the first token
  float* to;         // the same after the last; may be `from`
  size_t rows;       // of the state: values of a head
  size_t cols;       // of b and c
  size_t stride;     // cols padded with zeros to a multiple of 16
  size_t n;          // tokens, at least 1
  const float* x;    // [n, rows] rows of xbc_stride
  const float* b;    // [n, cols]
  const float* c;    // [n, cols]
  size_t xbc_stride;
  const float* decay; // [n] gate_stride apart
  const float* delta; // [n]
  size_t gate_stride;
  float skip;
  float* y; // [n, rows] rows of y_stride, out
  size_t y_stride;
};

/** Rows of a matrix B that a tile holds, value by value of a column. */
constexpr size_t kExpandRows = 16;

/**
 * Adds a product with a low-rank matrix B (Hu et al. 2021) to some values:
 *
 *   y[i] += B[row + i] · t
 *
 * The dot is fma in 16 lanes (column mod 16) from +0, then the tree.
 */
struct Expansion {
  const uint8_t* b; // [rows / kExpandRows, rank, kExpandRows] f32 or f16, 2-byte aligned; zeros
                    // behind the last row
  size_t rank;
  const float* t; // [rank]
  size_t row;     // the first, anywhere in a tile
  size_t count;   // rows
  float* y;       // [count]
};

/** expand for each type of B. */
struct ExpandFunctions {
  using Function = void (*)(const Expansion& e);
  Function f32;
  Function f16;
};

/** attention_block for each KvType. */
struct AttentionFunctions {
  using Function = void (*)(const AttentionBlock& b);
  Function f16;
  Function q8_0;

  Function operator[](uint32_t type) const { return type == kKvF16 ? f16 : q8_0; }
};

/** Every count is a true count: no function reads or writes past it unless it says so. */
struct VectorKernel {
  const char* isa;   // "scalar", "avx2", "avx512", "neon"
  uint32_t features; // CpuFeature bits it needs

  /**
   * RMSNorm (Zhang & Sennrich 2019); y may be x:
   *
   *   r    = float(1 / sqrt(sum(x²) / count + eps))      in double, the sum in 16 lanes (fma), tree
   *   y[i] = (x[i] * r) * w[i]
   *
   * r scales a whole token, so its error would reach every int8 code and f16 key at once. Other
   * engines sum in double too.
   */
  void (*rms_norm)(const float* x, const float* w, size_t count, float eps, float* y);

  /**
   * Per-token absmax int8 (BitNet b1.58):
   *
   *   a     = max(max|x|, 1e-5)
   *   s     = 127 / a
   *   q[i]  = round half to even (x[i] * s)      within ±127
   *   *sum  = Σ q[i]
   *   *step = a / 127                            one rounding, where 1 / s has two
   *
   * Writes q[0..count) and zeros up to q_stride, a multiple of 64. An infinity or a NaN among x
   * makes *step NaN, so that every output shows it, and all q and *sum 0.
   */
  void (*quantize)(const float* x, size_t count, int8_t* q, size_t q_stride, int32_t* sum,
                   float* step);

  /** y[i] = float(acc[i]) * (row_scale[i] * step). y may lie where acc does, as below. */
  void (*scale_rows)(const int32_t* acc, const float* row_scale, float step, size_t count,
                     float* y);
  /** y[i] = float(acc[i]) * scale. */
  void (*scale_all)(const int32_t* acc, float scale, size_t count, float* y);

  /** y[i] = relu(g[i])² * u[i], as (r * r) * u with r = g > 0 ? g : 0. y may be g. */
  void (*relu2_mul)(const float* g, const float* u, size_t count, float* y);
  /** y[i] = (g[i] / (1 + exp(-g[i]))) * u[i]. y may be g or u. */
  void (*silu_mul)(const float* g, const float* u, size_t count, float* y);
  /**
   * y[i] = gelu(g[i]) * u[i] with the tanh approximation (Hendrycks & Gimpel 2016), for which
   * 0.5 (1 + tanh(z)) = 1 / (1 + exp(-2z)); y may be g:
   *
   *   w[i] = g[i] * fma(g[i] * g[i], kGeluCubic, kGeluLinear)
   *   y[i] = (g[i] / (1 + exp(w[i]))) * u[i]
   */
  void (*gelu_tanh_mul)(const float* g, const float* u, size_t count, float* y);

  /**
   * The Walsh-Hadamard transform of each `block` values, a power of two from 16 on that divides
   * count, in place; it is its own inverse:
   *
   *   x[a], x[a + n] = x[a] + x[a + n], x[a] - x[a + n]   for n = 1, 2, 4 … block / 2, a & n = 0
   *   x[i]           = x[i] * float(1 / sqrt(block))
   */
  void (*hadamard)(float* x, size_t count, size_t block);

  /** f32 → f16, round to nearest even, overflow to infinity. */
  void (*to_f16)(const float* x, size_t count, uint16_t* y);

  /**
   * f32 → a row of kKvQ8_0. For each 32 values:
   *
   *   a    = max|x|
   *   d    = f16(a / 127)
   *   q[i] = round half to even (x[i] * (1 / d)), limited to ±127; 0 where d is 0
   *
   * An infinity or a NaN among x, or a d beyond f16, gives d = NaN and q = 0, so that every use
   * shows it. Writes [count padded to 32] codes, zeros in the padding, and their scales.
   */
  void (*to_q8_0)(const float* x, size_t count, uint8_t* row);

  /** y[i] = x[i] * float(1 / sqrt(sum(x²) + eps)), the sum as in rms_norm. y may be x. */
  void (*l2_norm)(const float* x, size_t count, float eps, float* y);
  /** y[i] = 1 / (1 + exp(-x[i])). y may be x. */
  void (*sigmoid)(const float* x, size_t count, float* y);
  /**
   * y[i] = log(1 + exp(x)) of x = a[i] + b[i], as max(x, 0) + log(1 + exp(-|x|)) with the logarithm of
   * lanes/exp.h. y may be a.
   */
  void (*softplus_of_sum)(const float* a, const float* b, size_t count, float* y);
  /** y[i] = exp(a[i] * b[i]). y may be a. */
  void (*exp_of_product)(const float* a, const float* b, size_t count, float* y);
  void (*convolve_silu)(const Convolution& c);
  void (*delta_rule)(const DeltaRule& r);
  void (*state_space)(const StateSpace& s);
  ExpandFunctions expand;

  AttentionFunctions attention_block;
  /**
   * Folds block (m2, l2, o2) into the running (m, l, o) of one query row:
   *
   *   t    = max(*m, m2)
   *   a    = exp(*m - t)
   *   b    = exp(m2 - t)
   *   *l   = fma(*l, a, l2 * b)
   *   o[d] = fma(o[d], a, o2[d] * b)
   *   *m   = t
   *
   * head_dim is a multiple of 16.
   */
  void (*attention_combine)(float* m, float* l, float* o, float m2, float l2, const float* o2,
                            size_t head_dim);
};

} // namespace bitnet
