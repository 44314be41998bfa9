// Dense kernels: bit-equal to scalar for every type, shape and batch; scalar close to a double sum.
#include <math.h>
#include <string.h>

#include <algorithm>
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

const DenseKernel& scalar() {
  return *usable_dense_kernels(0)[0];
}
/** What is compared with scalar: all others. */
std::vector<const DenseKernel*> kernels() {
  std::vector<const DenseKernel*> list = usable_dense_kernels(detect_cpu_features());
  list.erase(std::remove(list.begin(), list.end(), &scalar()), list.end());
  return list;
}

size_t row_bytes(uint32_t type, size_t cols) {
  return cols / kDenseStorage[type].block * kDenseStorage[type].block_bytes;
}

/** Random stored weights of modest finite size: exponents are limited, all other bits are free. */
void fill_weights(uint32_t type, Random& random, uint8_t* p, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    p[i] = static_cast<uint8_t>(random.bits());
  const auto limit_half = [](uint8_t* high) {
    *high = static_cast<uint8_t>((*high & 0x83) | 0x30);
  };
  if (type == kDenseF32)
    for (size_t i = 3; i < bytes; i += 4)
      p[i] = static_cast<uint8_t>((p[i] & 0x80) | 0x3e);
  if (type == kDenseF16)
    for (size_t i = 1; i < bytes; i += 2)
      limit_half(p + i);
  if (type == kDenseBf16)
    for (size_t i = 1; i < bytes; i += 2)
      p[i] = static_cast<uint8_t>((p[i] & 0x80) | 0x3e);
  if (type == kDenseQ8_0)
    for (size_t i = 1; i < bytes; i += 34)
      limit_half(p + i);
  if (type == kDenseQ6_K)
    for (size_t i = 209; i < bytes; i += 210)
      limit_half(p + i);
  const bool one = type == kDenseQ4_0 || type == kDenseQ5_0 || type == kDenseIq4Nl;
  const bool two =
      type == kDenseQ4_K || type == kDenseQ5_K || type == kDenseQ4_1 || type == kDenseQ5_1;
  if (one || two) // halves that a block begins with
    for (size_t i = 0; i < bytes; i += kDenseStorage[type].block_bytes) {
      limit_half(p + i + 1);
      if (two)
        limit_half(p + i + 3);
    }
}

/** Equal bits, or both NaN: which NaN an operation on NaNs returns depends on operand order. */
bool same(float a, float b) {
  return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

struct Shape {
  size_t rows, cols, n, row_begin, row_end, extra_stride;
};

std::string describe(const DenseKernel& kernel, uint32_t type, const Shape& s) {
  return std::string(kernel.isa) + " " + kDenseStorage[type].name + " cols " +
         std::to_string(s.cols) + " n " + std::to_string(s.n) + " rows " +
         std::to_string(s.row_begin) + ".." + std::to_string(s.row_end);
}

/**
 * Compares all kernels with scalar on guarded buffers; `special` mixes infinities, NaN and
 * subnormals into x.
 */
void compare(uint32_t type, const Shape& s, bool special) {
  Random random(s.cols * 7 + s.n + type);
  const size_t bytes = row_bytes(type, s.cols);
  Guarded<uint8_t> rows(s.rows * bytes);
  fill_weights(type, random, rows.data(), rows.size());
  Guarded<float> x(s.n * s.cols);
  for (float& v : x)
    v = random.real();
  if (special) {
    const float values[] = {INFINITY, NAN, 1e-42f, -0.0f, -INFINITY, 3e38f};
    for (size_t i = 0; i < x.size(); i += s.cols)
      x[i + random.below(static_cast<uint32_t>(s.cols))] = values[i / s.cols % 6];
  }
  const size_t count = s.row_end - s.row_begin, stride = count + s.extra_stride;
  Guarded<float> out((s.n - 1) * stride + count), expected(out.size());
  const auto multiply = [&](const DenseKernel& kernel, Guarded<float>& to) {
    for (float& v : to)
      v = -1234.5f;
    kernel.product[type]({.rows = rows.data(),
                          .row_bytes = bytes,
                          .cols = s.cols,
                          .x = x.data(),
                          .x_stride = s.cols,
                          .n = s.n,
                          .out = to.data(),
                          .out_stride = stride},
                         s.row_begin, s.row_end);
  };
  multiply(scalar(), expected);
  for (const DenseKernel* kernel : kernels()) {
    multiply(*kernel, out);
    for (size_t i = 0; i < out.size(); i++)
      if (!same(out[i], expected[i]))
        CHECK_EQ(out[i], expected[i], describe(*kernel, type, s) + " at " + std::to_string(i));
  }
}

} // namespace

TEST("dense kernels equal scalar to the bit for every type, shape and batch") {
  for (uint32_t type = 0; type < kDenseTypes; type++) {
    const size_t block = kDenseStorage[type].block < 16 ? 16 : kDenseStorage[type].block;
    for (size_t cols :
         {block, 2 * block, 3 * block, 5 * block, 9 * block, size_t{768}, size_t{2560}})
      for (size_t n : {1, 2, 3, 4, 5, 6, 7, 12, 13, 23, 24, 25, 31, 50}) {
        if (n > 7 && cols > 768)
          continue;
        compare(type, {9, cols, n, 0, 9, 0}, false);
      }
  }
}

TEST("dense kernels keep to their rows and to the stride of the output") {
  for (uint32_t type = 0; type < kDenseTypes; type++)
    for (size_t n : {1, 2, 7, 26})
      for (size_t begin = 0; begin < 5; begin++)
        for (size_t end = begin + 1; end <= 11; end += 3)
          compare(type, {11, 256, n, begin, end, end % 2 * 3}, false);
}

TEST("dense kernels agree on infinities, NaN and subnormals") {
  for (uint32_t type = 0; type < kDenseTypes; type++)
    for (size_t n : {1, 6, 13})
      compare(type, {5, 512, n, 0, 5, 0}, true);
}

TEST("dense kernels decode any number of columns without leaving the row") {
  for (const DenseKernel* kernel : kernels())
    for (uint32_t type = 0; type < kDenseTypes; type++)
      for (size_t blocks = 1; blocks <= (kDenseStorage[type].block == 1 ? 70 : 5); blocks++) {
        const size_t cols = blocks * kDenseStorage[type].block;
        Random random(blocks);
        Guarded<uint8_t> row(row_bytes(type, cols));
        fill_weights(type, random, row.data(), row.size());
        Guarded<float> out(cols), expected(cols);
        scalar().decode[type](row.data(), cols, expected.data());
        kernel->decode[type](row.data(), cols, out.data());
        CHECK(memcmp(out.data(), expected.data(), cols * sizeof(float)) == 0,
              std::string(kernel->isa) + " " + kDenseStorage[type].name + " cols " +
                  std::to_string(cols));
      }
}

TEST("dense kernels decode every bit pattern, of damaged scales too, as scalar does") {
  const size_t cols = 256 * 64;
  for (const DenseKernel* kernel : kernels())
    for (uint32_t type = 0; type < kDenseTypes; type++) {
      Random random(type);
      Guarded<uint8_t> row(row_bytes(type, cols));
      for (uint8_t& byte : row)
        byte = static_cast<uint8_t>(random.bits());
      // Infinite and NaN scales, which random bits seldom are.
      for (size_t i = 0; i + 4 <= row.size(); i += 7 * kDenseStorage[type].block_bytes) {
        const uint8_t bits[4] = {0, 0x7c, 1, static_cast<uint8_t>(i % 2 ? 0x7c : 0xfc)};
        memcpy(row.data() + i, bits, 4);
      }
      Guarded<float> out(cols), expected(cols);
      scalar().decode[type](row.data(), cols, expected.data());
      kernel->decode[type](row.data(), cols, out.data());
      for (size_t k = 0; k < cols; k++)
        if (!same(out[k], expected[k]))
          CHECK_EQ(out[k], expected[k],
                   std::string(kernel->isa) + " " + kDenseStorage[type].name + " " +
                       std::to_string(k));
    }
}

TEST("every half decodes to its exact value, with its NaN payload") {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); i++)
    halves[i] = static_cast<uint16_t>(i);
  const uint8_t* row = reinterpret_cast<const uint8_t*>(halves.data());
  std::vector<float> expected(65536), out(65536);
  scalar().decode[kDenseF16](row, 65536, expected.data());
  for (uint32_t h = 0; h < 65536; h++) {
    const int exponent = h >> 10 & 31;
    const double fraction = (h & 0x3ff) / 1024.0;
    if (exponent == 31) {
      CHECK(fraction == 0 ? isinf(expected[h]) : isnan(expected[h]), std::to_string(h));
      continue;
    }
    const double magnitude = exponent ? ldexp(1 + fraction, exponent - 15) : ldexp(fraction, -14);
    CHECK_EQ(static_cast<double>(expected[h]), h & 0x8000 ? -magnitude : magnitude,
             std::to_string(h));
  }
  for (const DenseKernel* kernel : kernels()) {
    kernel->decode[kDenseF16](row, 65536, out.data());
    CHECK(memcmp(out.data(), expected.data(), 65536 * sizeof(float)) == 0, kernel->isa);
  }
}

TEST("blocks decode as the formats define them") {
  uint8_t q8[34] = {0x00, 0x38, 0x81, 0x7f}; // d = 0.5, q = -127, 127, 0 …
  float out[256];
  scalar().decode[kDenseQ8_0](q8, 32, out);
  CHECK_EQ(out[0], -63.5f, "");
  CHECK_EQ(out[1], 63.5f, "");
  CHECK_EQ(out[31], 0.0f, "");

  uint8_t q6[210] = {};
  q6[209] = 0x3c; // d = 1
  for (int i = 0; i < 16; i++)
    q6[192 + i] = 1;                            // scales
  q6[192 + 2] = 0xfe;                           // group 2: -2
  q6[0] = 0x95;                                 // element 0 low 5, element 64 low 9
  q6[32] = 0x2f;                                // element 32 low 15, element 96 low 2
  q6[128] = 0xc6;                               // pairs 2, 1, 0, 3 of elements 0, 32, 64, 96
  q6[64 + 31] = 0x0a, q6[128 + 32 + 31] = 0x01; // element 159: 10 + 16
  scalar().decode[kDenseQ6_K](q6, 256, out);
  CHECK_EQ(out[0], 37.0f - 32, "");
  CHECK_EQ(out[32], -2 * (31.0f - 32), "");
  CHECK_EQ(out[64], 9.0f - 32, "");
  CHECK_EQ(out[96], 50.0f - 32, "");
  CHECK_EQ(out[159], 26.0f - 32, "");
  CHECK_EQ(out[255], -32.0f, "");

  uint8_t q4[18] = {0x00, 0xb8, 0xf0}; // d = -0.5; elements 0 and 16: 0 and 15
  q4[17] = 0x9a;                       // elements 15 and 31: 10 and 9
  scalar().decode[kDenseQ4_0](q4, 32, out);
  CHECK_EQ(out[0], 4.0f, "");
  CHECK_EQ(out[16], -3.5f, "");
  CHECK_EQ(out[15], -1.0f, "");
  CHECK_EQ(out[31], -0.5f, "");
  CHECK_EQ(out[1], 4.0f, "");

  uint8_t k4[144] = {0x00, 0x38, 0x00, 0x40}; // d = 0.5, dmin = 2
  k4[4 + 1] = 0xc0 | 33;                      // scale 1: 33; scale 5: top bits 3
  k4[4 + 5] = 0x80 | 62;                      // min 1: 62; min 5: top bits 2
  k4[4 + 9] = 0x7d;                           // sub-block 5: low bits of scale 13, of min 7
  k4[16 + 31] = 0xc5;                         // element 31: 5, element 63: 12
  k4[16 + 64] = 0xf6;                         // element 128: 6, element 160: 15
  scalar().decode[kDenseQ4_K](k4, 256, out);
  CHECK_EQ(out[31], 0.0f, "");
  CHECK_EQ(out[63], 0.5f * 33 * 12 - 2.0f * 62, "");
  CHECK_EQ(out[32], -2.0f * 62, "");
  CHECK_EQ(out[128], 0.0f, "");
  CHECK_EQ(out[160], 0.5f * (48 + 13) * 15 - 2.0f * (32 + 7), "");
  CHECK_EQ(out[255], 0.0f, "");

  uint8_t k5[176] = {0x00, 0x38, 0x00, 0x40}; // as k4, and high bits
  memcpy(k5 + 4, k4 + 4, 12);
  memcpy(k5 + 48, k4 + 16, 128);
  k5[16 + 31] = 0x02; // fifth bit of element 63
  k5[16 + 0] = 0x30;  // of elements 128 and 160
  scalar().decode[kDenseQ5_K](k5, 256, out);
  CHECK_EQ(out[31], 0.0f, "");
  CHECK_EQ(out[63], 0.5f * 33 * (16 + 12) - 2.0f * 62, "");
  CHECK_EQ(out[128], 0.0f, "");
  CHECK_EQ(out[160], 0.5f * (48 + 13) * (16 + 15) - 2.0f * (32 + 7), "");
  CHECK_EQ(out[161], -2.0f * (32 + 7), "");
  CHECK_EQ(out[255], 0.0f, "");

  uint8_t q41[20] = {0x00, 0x38, 0x00, 0xc4, 0xf0}; // d = 0.5, m = -4; elements 0, 16: 0 and 15
  q41[19] = 0x9a;                                   // elements 15 and 31: 10 and 9
  scalar().decode[kDenseQ4_1](q41, 32, out);
  CHECK_EQ(out[0], -4.0f, "");
  CHECK_EQ(out[16], 3.5f, "");
  CHECK_EQ(out[15], 1.0f, "");
  CHECK_EQ(out[31], 0.5f, "");
  CHECK_EQ(out[1], -4.0f, "");

  uint8_t q50[22] = {0x00, 0xb8, 0x01, 0x80, 0x00, 0x80, 0xf0}; // d = -0.5; bits 0, 15 and 31
  q50[21] = 0x9a;
  scalar().decode[kDenseQ5_0](q50, 32, out);
  CHECK_EQ(out[0], -0.5f * (16 + 0 - 16), "");
  CHECK_EQ(out[16], -0.5f * (15 - 16), "");
  CHECK_EQ(out[15], -0.5f * (16 + 10 - 16), "");
  CHECK_EQ(out[31], -0.5f * (16 + 9 - 16), "");
  CHECK_EQ(out[1], 8.0f, "");

  uint8_t q51[24] = {0x00, 0x38, 0x00, 0xc4, 0x01, 0x80, 0x00, 0x80, 0xf0}; // d = 0.5, m = -4
  q51[23] = 0x9a;
  scalar().decode[kDenseQ5_1](q51, 32, out);
  CHECK_EQ(out[0], 0.5f * 16 - 4, "");
  CHECK_EQ(out[16], 0.5f * 15 - 4, "");
  CHECK_EQ(out[15], 0.5f * 26 - 4, "");
  CHECK_EQ(out[31], 0.5f * 25 - 4, "");
  CHECK_EQ(out[1], -4.0f, "");

  uint8_t nl[18] = {0x00, 0x38, 0xf0}; // d = 0.5; elements 0 and 16: first and last number
  nl[17] = 0x78;                       // elements 15 and 31: numbers 8 and 7
  scalar().decode[kDenseIq4Nl](nl, 32, out);
  CHECK_EQ(out[0], -63.5f, "");
  CHECK_EQ(out[16], 56.5f, "");
  CHECK_EQ(out[15], 0.5f, "");
  CHECK_EQ(out[31], -5.0f, "");
}

TEST("the scalar dense product is as close to the exact sum as its rounding allows") {
  for (uint32_t type = 0; type < kDenseTypes; type++) {
    const size_t cols = 2560, bytes = row_bytes(type, cols);
    Random random(type + 1);
    std::vector<uint8_t> row(bytes);
    fill_weights(type, random, row.data(), bytes);
    std::vector<float> w(cols), x(cols);
    for (float& v : x)
      v = random.real();
    scalar().decode[type](row.data(), cols, w.data());
    double exact = 0, size = 0;
    for (size_t k = 0; k < cols; k++) {
      exact += static_cast<double>(w[k]) * x[k];
      size += fabs(static_cast<double>(w[k]) * x[k]);
    }
    float out;
    scalar().product[type]({.rows = row.data(),
                            .row_bytes = bytes,
                            .cols = cols,
                            .x = x.data(),
                            .x_stride = cols,
                            .n = 1,
                            .out = &out,
                            .out_stride = 1},
                           0, 1);
    const double bound =
        (cols / 16 + 4) * 0x1p-24 * size; // one rounding per step of a lane, four in the tree
    CHECK(fabs(out - exact) <= bound,
          std::string(kDenseStorage[type].name) + " off by " + std::to_string(out - exact));
  }
}
