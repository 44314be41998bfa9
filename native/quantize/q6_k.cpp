// Q6_K: 256 values in sixteen sub-blocks, each with a scale of eight bits.
//
// A sub-block is fitted by least squares weighted with the squares of the values, x ≈ scale * q, for
// 19 first guesses of the scale; the best fit stays. The scales are then rounded to integers, and
// the codes are chosen anew for these.
#include "encoders.h"
#include "rounding.h"

namespace bitnet {
namespace {

constexpr size_t kBlock = 256;
constexpr size_t kBlockBytes = 210;
constexpr size_t kSub = 16;
constexpr size_t kSubs = kBlock / kSub;
constexpr int kHalf = 32; // codes are from -kHalf to kHalf - 1

/** Smaller values are taken for zero. */
constexpr float kZero = 1e-15f;

/** The scale of a sub-block, and codes from 0. */
float fit(const float* x, uint8_t* codes) {
  const float far = farthest(x, kSub);
  memset(codes, 0, kSub);
  if (fabsf(far) < kZero)
    return 0.0f;
  float scale = 0.0f, best = 0.0f;
  const auto attempt = [&](float inverted, bool first) {
    int tried[kSub];
    float sum_lx = 0.0f, sum_l2 = 0.0f;
    for (size_t i = 0; i < kSub; ++i) {
      tried[i] = nearest(inverted * x[i], -kHalf, kHalf - 1);
      const float l = static_cast<float>(tried[i]), weight = x[i] * x[i];
      sum_lx += weight * x[i] * l;
      sum_l2 += weight * l * l;
    }
    if (!first && !(sum_l2 > 0.0f && sum_lx * sum_lx > best * sum_l2))
      return;
    for (size_t i = 0; i < kSub; ++i)
      codes[i] = static_cast<uint8_t>(tried[i] + kHalf);
    scale = sum_l2 != 0.0f ? sum_lx / sum_l2 : 0.0f;
    best = scale * sum_lx;
  };
  attempt(-static_cast<float>(kHalf) / far, true);
  for (int step = -9; step <= 9; ++step)
    if (step != 0)
      attempt(-(static_cast<float>(kHalf) + 0.1f * static_cast<float>(step)) / far, false);
  return scale;
}

/** As decode_q6_k in dense_scalar.cpp reads them. */
void put_codes(const uint8_t* codes, uint8_t* low, uint8_t* high) {
  for (size_t half = 0; half < 2; ++half, codes += 128, low += 64, high += 32)
    for (size_t l = 0; l < 32; ++l) {
      const uint8_t c[4] = {codes[l], codes[l + 32], codes[l + 64], codes[l + 96]};
      low[l] = static_cast<uint8_t>((c[0] & 15) | (c[2] & 15) << 4);
      low[l + 32] = static_cast<uint8_t>((c[1] & 15) | (c[3] & 15) << 4);
      high[l] = static_cast<uint8_t>(c[0] >> 4 | c[1] >> 4 << 2 | c[2] >> 4 << 4 | c[3] >> 4 << 6);
    }
}

bool encode_block(const float* x, uint8_t* block) {
  uint8_t codes[kBlock];
  float scales[kSubs];
  for (size_t s = 0; s < kSubs; ++s)
    scales[s] = fit(x + s * kSub, codes + s * kSub);
  const float largest = farthest(scales, kSubs);
  if (fabsf(largest) < kZero) {
    memset(block, 0, kBlockBytes);
    return true;
  }
  const float inverted = -128.0f / largest;
  const bool sound = put_half(block + 208, 1.0f / inverted);
  const float d = stored_half(block + 208);
  for (size_t s = 0; s < kSubs; ++s) {
    const int rounded = nearest(inverted * scales[s], -128, 127);
    block[192 + s] = static_cast<uint8_t>(rounded);
    const float scale = d * static_cast<float>(rounded);
    if (scale == 0.0f)
      continue;
    for (size_t i = s * kSub; i < (s + 1) * kSub; ++i)
      codes[i] = static_cast<uint8_t>(nearest(x[i] / scale, -kHalf, kHalf - 1) + kHalf);
  }
  put_codes(codes, block, block + 128);
  return sound;
}

} // namespace

bool encode_q6_k(const float* x, size_t cols, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; k += kBlock, x += kBlock, row += kBlockBytes)
    sound &= encode_block(x, row);
  return sound;
}

} // namespace bitnet
