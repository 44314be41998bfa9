// Vector kernels: bit-equal to scalar for every count; scalar against the formulas in double.
#include <math.h>
#include <string.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <string>
#include <vector>

#include "check.h"
#include "guarded.h"
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

using namespace bitnet;
using check::Guarded;
using check::Random;

namespace {

std::vector<const VectorKernel*> kernels() {
  return usable_vector_kernels(detect_cpu_features());
}
const VectorKernel& scalar() {
  return *usable_vector_kernels(0)[0];
}

uint32_t bits_of(float f) {
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return bits;
}
float of_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

/** Equal bits, or both NaN: which NaN an operation on NaNs returns depends on operand order. */
bool same(float a, float b) {
  return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

void expect_same(const Guarded<float>& got, const Guarded<float>& expected,
                 const std::string& context) {
  if (memcmp(got.data(), expected.data(), got.size() * sizeof(float)) == 0)
    return;
  for (size_t i = 0; i < got.size(); i++)
    if (!same(got[i], expected[i]))
      CHECK_EQ(got[i], expected[i], context + " at " + std::to_string(i));
}

std::string at(const VectorKernel& kernel, size_t count) {
  return std::string(kernel.isa) + " count " + std::to_string(count);
}

const float kSpecial[] = {0.0f,    -0.0f,    1e-42f, -1e-45f, INFINITY, -INFINITY, NAN,
                          3.4e38f, -3.4e38f, 88.7f,  -88.0f,  100.0f,   -104.0f};

/** Random values of many sizes; `special` mixes in zeros, subnormals, infinities and NaN. */
void fill(Guarded<float>& x, uint64_t seed, bool special) {
  Random random(seed);
  for (float& v : x) {
    v = random.real() * ldexpf(1.0f, static_cast<int>(random.below(12)) - 6);
    if (special && random.below(3) == 0)
      v = kSpecial[random.below(sizeof kSpecial / sizeof *kSpecial)];
  }
}

const size_t kCounts[] = {128, 160, 173, 2560};

/** Calls f with counts 1..70 and some more. */
void for_counts(const std::function<void(size_t)>& f) {
  for (size_t count = 1; count <= 70; count++)
    f(count);
  for (size_t count : kCounts)
    f(count);
}

/**
 * exp(x) for x <= 0 as the kernel computes it: combining a block of maximum 0 with l = 0 leaves
 * l = 1 * exp(x).
 */
float exp_of(const VectorKernel& kernel, float x) {
  float m = x, l = 1.0f, o[16] = {};
  const float o2[16] = {};
  kernel.attention_combine(&m, &l, o, 0.0f, 0.0f, o2, 16);
  return l;
}

} // namespace

TEST("rms_norm equals scalar to the bit and the formula in double") {
  for (const VectorKernel* kernel : kernels())
    for_counts([&](size_t count) {
      for (bool special : {false, true}) {
        Guarded<float> x(count), w(count), y(count), expected(count);
        fill(x, count, special);
        fill(w, count + 1, false);
        scalar().rms_norm(x.data(), w.data(), count, 1e-5f, expected.data());
        kernel->rms_norm(x.data(), w.data(), count, 1e-5f, y.data());
        expect_same(y, expected, at(*kernel, count));
        if (special)
          continue;
        double sum = 0;
        for (float v : x)
          sum += static_cast<double>(v) * v;
        const double r = 1 / sqrt(sum / static_cast<double>(count) + 1e-5f);
        for (size_t i = 0; i < count; i++) {
          const double exact = x[i] * r * w[i];
          CHECK(fabs(y[i] - exact) <= 1e-6 * fabs(exact) + 1e-38, at(*kernel, count));
        }
        kernel->rms_norm(x.data(), w.data(), count, 1e-5f, x.data()); // in place
        expect_same(x, expected, at(*kernel, count) + " in place");
      }
    });
}

TEST("quantize equals scalar and fills up to the stride with zeros") {
  for (const VectorKernel* kernel : kernels())
    for_counts([&](size_t count) {
      const size_t stride = (count + 63) / 64 * 64;
      for (float size : {1.0f, 1e-7f, 1e30f}) {
        Guarded<float> x(count);
        fill(x, count, false);
        for (float& v : x)
          v *= size;
        Guarded<int8_t> q(stride), expected(stride);
        memset(q.data(), 99, stride);
        int32_t sum = 1, expected_sum = 0, total = 0;
        float step = 1, expected_step = 0;
        scalar().quantize(x.data(), count, expected.data(), stride, &expected_sum, &expected_step);
        kernel->quantize(x.data(), count, q.data(), stride, &sum, &step);
        CHECK(memcmp(q.data(), expected.data(), stride) == 0, at(*kernel, count));
        CHECK_EQ(sum, expected_sum, at(*kernel, count));
        CHECK_EQ(bits_of(step), bits_of(expected_step), at(*kernel, count));
        for (size_t i = 0; i < stride; i++) {
          CHECK(q[i] >= -127 && (i < count || q[i] == 0), at(*kernel, count));
          total += q[i];
          if (i < count)
            CHECK(fabs(q[i] * static_cast<double>(step) - x[i]) <= 0.5001 * step,
                  at(*kernel, count));
        }
        CHECK_EQ(sum, total, at(*kernel, count));
      }
    });
}

TEST("quantize rounds halves to even and keeps the largest value at 127") {
  const float x[16] = {127,  0.5f,   1.5f,        2.5f, -0.5f, -1.5f, -2.5f,  126.5f,
                       -127, 125.5f, 0.49999997f, 0,    -0.0f, 3.5f,  1e-30f, 64};
  const int expected[16] = {127, 0, 2, 2, 0, -2, -2, 126, -127, 126, 0, 0, 0, 4, 0, 64};
  for (const VectorKernel* kernel : kernels()) {
    int8_t q[64];
    int32_t sum;
    float step;
    kernel->quantize(x, 16, q, 64, &sum, &step);
    for (int i = 0; i < 16; i++)
      CHECK_EQ(static_cast<int>(q[i]), expected[i], kernel->isa + std::to_string(i));
    CHECK_EQ(step, 1.0f, kernel->isa);
  }
}

TEST("quantize shows a NaN or an infinity in the step, and keeps zeros and tiny values") {
  for (const VectorKernel* kernel : kernels())
    for (size_t count : {1, 7, 8, 16, 33, 64})
      for (size_t position : {size_t{0}, count / 2, count - 1}) {
        Guarded<float> x(count);
        Guarded<int8_t> q(64);
        int32_t sum;
        float step;
        for (float bad : {NAN, -NAN, INFINITY, -INFINITY}) {
          for (float& v : x)
            v = 1.0f;
          x[position] = bad;
          memset(q.data(), 99, 64);
          kernel->quantize(x.data(), count, q.data(), 64, &sum, &step);
          CHECK(isnan(step), at(*kernel, count));
          CHECK_EQ(sum, 0, at(*kernel, count));
          for (int8_t v : q)
            CHECK_EQ(static_cast<int>(v), 0, at(*kernel, count));
        }
        for (float tiny : {0.0f, 1e-42f, 1e-9f}) {
          for (float& v : x)
            v = tiny;
          kernel->quantize(x.data(), count, q.data(), 64, &sum, &step);
          CHECK_EQ(step, 1e-5f / 127.0f, at(*kernel, count));
          CHECK_EQ(sum, 0, at(*kernel, count));
        }
      }
}

TEST("scaling, activations and products of gates equal scalar to the bit") {
  for (const VectorKernel* kernel : kernels())
    for_counts([&](size_t count) {
      for (bool special : {false, true}) {
        Guarded<float> g(count), u(count), y(count), expected(count);
        Guarded<int32_t> acc(count);
        fill(g, count, special);
        fill(u, count + 1, special);
        Random random(count);
        for (int32_t& a : acc)
          a = static_cast<int32_t>(random.bits());
        const auto check = [&](const std::string& name, auto&& run) {
          run(scalar(), expected.data());
          run(*kernel, y.data());
          expect_same(y, expected, at(*kernel, count) + " " + name);
        };
        check("scale_rows", [&](const VectorKernel& k, float* out) {
          k.scale_rows(acc.data(), u.data(), 0.37f, count, out);
        });
        check("scale_all", [&](const VectorKernel& k, float* out) {
          k.scale_all(acc.data(), 1.7e-3f, count, out);
        });
        const auto check_gate = [&](const std::string& name, auto mul) {
          check(name, [&](const VectorKernel& k, float* out) {
            (k.*mul)(g.data(), u.data(), count, out);
          });
          Guarded<float> in_place(count);
          std::copy(g.begin(), g.end(), in_place.begin());
          (kernel->*mul)(in_place.data(), u.data(), count, in_place.data());
          expect_same(in_place, expected, at(*kernel, count) + " " + name + " in place");
        };
        check_gate("relu2_mul", &VectorKernel::relu2_mul);
        check_gate("silu_mul", &VectorKernel::silu_mul);
        check_gate("gelu_tanh_mul", &VectorKernel::gelu_tanh_mul);
      }
    });
}

TEST("hadamard equals scalar to the bit, the matrix in double, and is its own inverse") {
  for (const VectorKernel* kernel : kernels())
    for (size_t block : {16, 32, 64, 128, 1024})
      for (bool special : {false, true}) {
        const size_t count = 3 * block;
        Guarded<float> x(count), y(count), expected(count);
        fill(x, block, special);
        std::copy(x.begin(), x.end(), y.begin());
        std::copy(x.begin(), x.end(), expected.begin());
        scalar().hadamard(expected.data(), count, block);
        kernel->hadamard(y.data(), count, block);
        expect_same(y, expected, at(*kernel, block));
        if (special)
          continue;
        for (size_t i = 0; i < count; i++) {
          double sum = 0, most = 0;
          for (size_t j = 0; j < block; j++) {
            const bool odd = std::popcount(i % block & j) % 2 == 1;
            const double value = static_cast<double>(x[i / block * block + j]);
            sum += odd ? -value : value;
            most += fabs(value);
          }
          const double root = sqrt(static_cast<double>(block));
          CHECK(fabs(static_cast<double>(y[i]) - sum / root) <= 1e-6 * most, at(*kernel, block));
        }
        kernel->hadamard(y.data(), count, block);
        for (size_t i = 0; i < count; i++)
          CHECK(fabsf(y[i] - x[i]) <= 1e-3f, at(*kernel, block) + " twice");
      }
}

TEST("silu is accurate and ends at zero") {
  const float one = 1.0f;
  float y;
  for (float g = -87.0f; g < 90.0f; g += 0.0137f) {
    scalar().silu_mul(&g, &one, 1, &y);
    const double exact = static_cast<double>(g) / (1 + exp(-static_cast<double>(g)));
    CHECK(fabs(y - exact) <= 4e-7 * fabs(exact), std::to_string(g));
  }
  const float low = -120.0f;
  scalar().silu_mul(&low, &one, 1, &y);
  CHECK_EQ(y, 0.0f, "");
}

TEST("gelu is accurate and ends at zero") {
  const float one = 1.0f;
  float y;
  for (float g = -12.0f; g < 90.0f; g += 0.00137f) {
    scalar().gelu_tanh_mul(&g, &one, 1, &y);
    const double x = g, z = sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
    // The tail is exp(2z) wide: an error of 1e-7 of z there is one of 2z * 1e-7 of the result.
    const double exact = x / (1 + exp(-2 * z)), bound = 4e-7 * (1 + 2 * fabs(fmin(z, 0)));
    CHECK(fabs(y - exact) <= bound * fabs(exact) + 1e-37, std::to_string(g));
  }
  for (float low : {-20.0f, -1e20f, -3e38f}) {
    scalar().gelu_tanh_mul(&low, &one, 1, &y);
    CHECK_EQ(y, 0.0f, "");
  }
}

TEST("exp is exact at 0, within 1 ulp, 0 below the range and NaN for NaN") {
  for (const VectorKernel* kernel : kernels()) {
    CHECK_EQ(exp_of(*kernel, 0.0f), 1.0f, kernel->isa);
    CHECK_EQ(exp_of(*kernel, -INFINITY), 0.0f, kernel->isa);
    CHECK_EQ(exp_of(*kernel, -87.4f), 0.0f, kernel->isa);
  }
  double worst = 0;
  for (uint32_t bits = 0x80000000; bits < bits_of(-87.33f); bits += 977) {
    const float x = of_bits(bits), y = exp_of(scalar(), x);
    const double exact = exp(static_cast<double>(x));
    const float nearest = static_cast<float>(exact);
    const double ulp = static_cast<double>(nextafterf(nearest, INFINITY)) - nearest;
    worst = fmax(worst, fabs(y - exact) / ulp);
  }
  CHECK(worst <= 1.0, std::to_string(worst) + " ulp");
}

TEST("to_f16 rounds to nearest even, and every kernel gives the same bits") {
  const VectorKernel& s = scalar();
  const auto half = [&](float x) {
    uint16_t h;
    s.to_f16(&x, 1, &h);
    return static_cast<int>(h);
  };
  const auto value = [](int h) {
    return h < 0x400 ? ldexp(h, -24) : ldexp(1024 + (h & 0x3ff), (h >> 10) - 25);
  };
  for (int h = 0; h < 0x7c00; h++) {
    const float exact = static_cast<float>(value(h));
    const float middle =
        static_cast<float>((value(h) + value(h + 1)) / 2); // towards 65536 above the last one
    CHECK_EQ(half(exact), h, "exact");
    CHECK_EQ(half(-exact), h | 0x8000, "negative");
    CHECK_EQ(half(middle), h % 2 ? h + 1 : h, "tie");
    CHECK_EQ(half(nextafterf(middle, 0)), h, "below the tie");
    CHECK_EQ(half(nextafterf(middle, INFINITY)), h + 1, "above the tie");
  }
  CHECK_EQ(half(INFINITY), 0x7c00, "");
  CHECK_EQ(half(1e30f), 0x7c00, "");

  for (const VectorKernel* kernel : kernels()) {
    std::vector<float> x;
    for (uint64_t bits = 0; bits < 0x100000000u; bits += 9973)
      x.push_back(of_bits(static_cast<uint32_t>(bits)));
    std::vector<uint16_t> y(x.size()), expected(x.size());
    s.to_f16(x.data(), x.size(), expected.data());
    kernel->to_f16(x.data(), x.size(), y.data());
    CHECK(y == expected, kernel->isa);
    for (size_t count = 1; count <= 70; count++) {
      Guarded<float> tail(count);
      Guarded<uint16_t> got(count);
      fill(tail, count, true);
      kernel->to_f16(tail.data(), count, got.data());
      for (size_t i = 0; i < count; i++)
        CHECK_EQ(static_cast<int>(got[i]), half(tail[i]), at(*kernel, count));
    }
  }
}

TEST("to_q8_0 equals scalar and is half a step off at most") {
  for (const VectorKernel* kernel : kernels())
    for (size_t count : {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 80, 100, 128, 130})
      for (float size :
           {1.0f, 0.0f, 1e-3f, 6e-6f, 7.5e-6f, 9e-6f, 3e-5f, 1e4f, 8.3e6f, 9e6f, 1e30f})
        for (bool special : {false, true}) {
          const size_t padded = (count + 31) / 32 * 32, bytes = padded + padded / 16;
          Guarded<float> x(count);
          fill(x, count, special);
          for (float& value : x)
            value *= size;
          Guarded<uint8_t> row(bytes), expected(bytes);
          memset(row.data(), 99, bytes);
          memset(expected.data(), 77, bytes);
          scalar().to_q8_0(x.data(), count, expected.data());
          kernel->to_q8_0(x.data(), count, row.data());
          const std::string context = at(*kernel, count) + " size " + std::to_string(size);
          CHECK(memcmp(row.data(), expected.data(), bytes) == 0, context);
          if (special)
            continue;
          for (size_t i = 0; i < count; i++) {
            float top = 0;
            for (size_t j = i / 32 * 32; j < count && j < i / 32 * 32 + 32; j++)
              top = fmaxf(top, fabsf(x[j]));
            uint16_t half;
            memcpy(&half, row.data() + padded + i / 32 * 2, sizeof half);
            if (half < 0x400 || half >= 0x7c00)
              continue; // d has lost bits as a subnormal, or is no number
            const double step = ldexp(1024 + (half & 0x3ff), (half >> 10) - 25);
            CHECK(fabs(step * 127 / top - 1) < 0.0005, context);
            CHECK(fabs(step * static_cast<int8_t>(row[i]) - x[i]) <= step * 0.50001, context);
          }
        }
}

TEST("to_q8_0 rounds half to even, and shows what is no number") {
  for (const VectorKernel* kernel : kernels()) {
    float x[64] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f};
    x[32] = 1;
    x[40] = INFINITY;
    uint8_t row[68];
    kernel->to_q8_0(x, 64, row);
    const int8_t expected[] = {127, 0, 2, 2, 0, -2, -2, 126};
    CHECK(memcmp(row, expected, sizeof expected) == 0, kernel->isa);
    const uint16_t scales[] = {0x3c00, 0x7e00}; // 1 and NaN
    CHECK(memcmp(row + 64, scales, sizeof scales) == 0, kernel->isa);
    for (size_t i = 32; i < 64; i++)
      CHECK_EQ(int{row[i]}, 0, kernel->isa);
  }
}

namespace {

/** One attention problem with guarded inputs and outputs. */
struct Attention {
  Guarded<float> q, m, l, o;
  Guarded<uint8_t> k, v;
  AttentionBlock block;
  Attention(KvType type, size_t rows, size_t head_dim, size_t positions, bool special)
      : q(rows * head_dim), m(rows), l(rows), o(rows * head_dim),
        k(positions * row_bytes(type, head_dim)), v(positions * row_bytes(type, head_dim)) {
    fill(q, rows + positions, special);
    store(type, head_dim, positions, head_dim, special, k.data());
    store(type, head_dim, positions, head_dim + 1, special, v.data());
    block = {.q = q.data(),
             .rows = rows,
             .head_dim = head_dim,
             .k = k.data(),
             .v = v.data(),
             .row_bytes = row_bytes(type, head_dim),
             .positions = positions,
             .scale = 0.125f,
             .m = m.data(),
             .l = l.data(),
             .o = o.data()};
  }
  static size_t row_bytes(KvType type, size_t head_dim) {
    return type == kKvF16 ? 2 * head_dim : head_dim + head_dim / 16;
  }
  static void store(KvType type, size_t head_dim, size_t positions, uint64_t seed, bool special,
                    uint8_t* rows) {
    Guarded<float> wide(positions * head_dim);
    fill(wide, seed, special);
    for (size_t j = 0; j < positions; j++) {
      uint8_t* row = rows + j * row_bytes(type, head_dim);
      if (type == kKvF16)
        scalar().to_f16(wide.data() + j * head_dim, head_dim, reinterpret_cast<uint16_t*>(row));
      else
        scalar().to_q8_0(wide.data() + j * head_dim, head_dim, row);
    }
  }
};

} // namespace

TEST("attention blocks equal scalar to the bit for every number of rows and positions") {
  for (KvType type : {kKvF16, kKvQ8_0})
    for (size_t head_dim : {16, 32, 64, 80, 96, 112, 128})
      for (size_t rows : check::values({1, 2, 3, 4, 5, 8, 9}, {1, 4, 9}))
        for (size_t positions = 1; positions <= 64; positions += positions < 20 ? 1 : 11)
          for (bool special : {false, true}) {
            if (type == kKvQ8_0 && head_dim % 32 != 0)
              continue;
            Attention expected(type, rows, head_dim, positions, special);
            scalar().attention_block[type](expected.block);
            for (const VectorKernel* kernel : kernels()) {
              if (kernel == &scalar())
                continue;
              Guarded<float> m(rows), l(rows), o(rows * head_dim);
              AttentionBlock block = expected.block;
              block.m = m.data();
              block.l = l.data();
              block.o = o.data();
              kernel->attention_block[type](block);
              const std::string context = std::string(kernel->isa) + " type " +
                                          std::to_string(type) + " rows " + std::to_string(rows) +
                                          " head_dim " + std::to_string(head_dim) + " positions " +
                                          std::to_string(positions);
              expect_same(l, expected.l, context + " l");
              expect_same(o, expected.o, context + " o");
              for (size_t r = 0; r < rows; r++) // m is only defined for a row without NaN
                CHECK(isnan(expected.l[r]) || m[r] == expected.m[r], context + " m");
            }
          }
}

TEST("attention blocks whose rows lie in two places have the bits of one") {
  for (KvType type : {kKvF16, kKvQ8_0})
    for (size_t head_dim : {64, 96})
      for (size_t rows : {1, 4, 5})
        for (size_t positions : check::values({2, 7, 16, 33, 50, 64}, {7, 64})) {
          Attention one(type, rows, head_dim, positions, false);
          scalar().attention_block[type](one.block);
          for (const size_t split : {size_t{1}, positions / 2, positions - 1, positions}) {
            const size_t row = one.block.row_bytes;
            Guarded<uint8_t> k(split * row), v(split * row);
            Guarded<uint8_t> k_rest((positions - split) * row), v_rest((positions - split) * row);
            memcpy(k.data(), one.block.k, split * row);
            memcpy(v.data(), one.block.v, split * row);
            memcpy(k_rest.data(), one.block.k + split * row, (positions - split) * row);
            memcpy(v_rest.data(), one.block.v + split * row, (positions - split) * row);
            for (const VectorKernel* kernel : kernels()) {
              Guarded<float> m(rows), l(rows), o(rows * head_dim);
              AttentionBlock block = one.block;
              block.k = k.data();
              block.v = v.data();
              block.split = split;
              block.k_rest = k_rest.data();
              block.v_rest = v_rest.data();
              block.m = m.data();
              block.l = l.data();
              block.o = o.data();
              kernel->attention_block[type](block);
              const std::string context = std::string(kernel->isa) + " type " +
                                          std::to_string(type) + " rows " + std::to_string(rows) +
                                          " split " + std::to_string(split) + " of " +
                                          std::to_string(positions);
              expect_same(m, one.m, context + " m");
              expect_same(l, one.l, context + " l");
              expect_same(o, one.o, context + " o");
            }
          }
        }
}

TEST("attention over several blocks gives softmax in double") {
  for (const VectorKernel* kernel : kernels())
    for (KvType type : {kKvF16, kKvQ8_0}) {
      const size_t head_dim = 64, total = 150;
      Attention all(type, 1, head_dim, total, false);
      float m = -INFINITY, l = 0, o[64] = {};
      for (size_t begin = 0; begin < total; begin += 64) {
        AttentionBlock block = all.block;
        block.k += begin * block.row_bytes;
        block.v += begin * block.row_bytes;
        block.positions = total - begin < 64 ? total - begin : 64;
        kernel->attention_block[type](block);
        kernel->attention_combine(&m, &l, o, all.m[0], all.l[0], all.o.data(), head_dim);
      }
      const auto half = [](const uint8_t* at) {
        uint16_t h;
        memcpy(&h, at, sizeof h);
        const double magnitude =
            (h & 0x7c00) ? ldexp(1024 + (h & 0x3ff), (h >> 10 & 31) - 25) : ldexp(h & 0x3ff, -24);
        return h & 0x8000 ? -magnitude : magnitude;
      };
      const auto decode = [&](const uint8_t* rows, size_t j, size_t d) {
        const uint8_t* row = rows + j * all.block.row_bytes;
        return type == kKvF16 ? half(row + 2 * d)
                              : half(row + head_dim + d / 32 * 2) * static_cast<int8_t>(row[d]);
      };
      std::vector<double> p(total), exact(head_dim);
      double top = -1e300, sum = 0;
      for (size_t j = 0; j < total; j++) {
        for (size_t d = 0; d < head_dim; d++)
          p[j] += all.q[d] * decode(all.k.data(), j, d) * 0.125;
        top = fmax(top, p[j]);
      }
      for (size_t j = 0; j < total; j++)
        sum += p[j] = exp(p[j] - top);
      for (size_t d = 0; d < head_dim; d++) {
        for (size_t j = 0; j < total; j++)
          exact[d] += p[j] / sum * decode(all.v.data(), j, d);
        CHECK(fabs(o[d] / l - exact[d]) < 2e-5,
              std::string(kernel->isa) + " " + std::to_string(o[d] / l - exact[d]));
      }
    }
}

TEST("attention_combine equals scalar to the bit, from an empty state too") {
  for (const VectorKernel* kernel : kernels())
    for (size_t head_dim : {16, 48, 128})
      for (float m1 : {-INFINITY, -3.0f, 0.0f, 55.5f})
        for (float m2 : {-90.0f, -3.0f, 1.25f, 55.5f}) {
          Guarded<float> o(head_dim), expected(head_dim), o2(head_dim);
          fill(o, head_dim, false);
          memcpy(expected.data(), o.data(), head_dim * sizeof(float));
          fill(o2, head_dim + 1, false);
          float m = m1, l = 2.5f, expected_m = m1, expected_l = 2.5f;
          scalar().attention_combine(&expected_m, &expected_l, expected.data(), m2, 3.25f,
                                     o2.data(), head_dim);
          kernel->attention_combine(&m, &l, o.data(), m2, 3.25f, o2.data(), head_dim);
          CHECK_EQ(bits_of(m), bits_of(expected_m), kernel->isa);
          CHECK_EQ(bits_of(l), bits_of(expected_l), kernel->isa);
          expect_same(o, expected, at(*kernel, head_dim));
        }
}

TEST("expand adds the dots of any rows of tiles, equal to scalar to the bit and to double") {
  for (const VectorKernel* kernel : kernels())
    for (size_t rank : {1, 2, 7, 8, 15, 16, 17, 48, 65})
      for (size_t rows : {1, 16, 19, 64})
        for (bool half : {false, true}) {
          const size_t tiles = (rows + kExpandRows - 1) / kExpandRows;
          Guarded<float> b(tiles * rank * kExpandRows), t(rank);
          fill(b, rank + rows, false);
          fill(t, rows, false);
          Guarded<uint16_t> halves(b.size());
          scalar().to_f16(b.data(), b.size(), halves.data());
          const uint8_t* stored = half ? reinterpret_cast<const uint8_t*>(halves.data())
                                       : reinterpret_cast<const uint8_t*>(b.data());
          for (size_t row : {size_t{0}, rows / 3, rows - 1})
            for (size_t count : {size_t{1}, (rows - row + 1) / 2, rows - row}) {
              Guarded<float> y(count), expected(count), before(count);
              fill(y, count, false);
              std::copy(y.begin(), y.end(), expected.begin());
              std::copy(y.begin(), y.end(), before.begin());
              const auto run = [&](const VectorKernel& k, Guarded<float>& out) {
                const Expansion e = {.b = stored,
                                     .rank = rank,
                                     .t = t.data(),
                                     .row = row,
                                     .count = count,
                                     .y = out.data()};
                half ? k.expand.f16(e) : k.expand.f32(e);
              };
              run(scalar(), expected);
              run(*kernel, y);
              expect_same(y, expected, at(*kernel, rank) + " row " + std::to_string(row));
              if (half)
                continue;
              for (size_t i = 0; i < count; i++) {
                double sum = before[i], size = fabs(sum);
                for (size_t k = 0; k < rank; k++) {
                  const size_t tile = (row + i) / kExpandRows, in_tile = (row + i) % kExpandRows;
                  const double product =
                      static_cast<double>(b[(tile * rank + k) * kExpandRows + in_tile]) * t[k];
                  sum += product;
                  size += fabs(product);
                }
                CHECK(fabs(y[i] - sum) <= 1e-6 * size, at(*kernel, rank));
              }
            }
        }
}
