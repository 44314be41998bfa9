// IQ4_NL: 32 values, each one of 16 unevenly spread numbers times a scale.
//
// The scale is fitted by least squares weighted with the squares of the values, for 16 first guesses;
// the best fit stays.
#include "encoders.h"
#include "rounding.h"

namespace bitnet {
namespace {

constexpr size_t kBlock = 32;
constexpr size_t kBlockBytes = 18;
constexpr size_t kNumbers = 16;
constexpr float kNumber[kNumbers] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};

/** Smaller values are taken for zero. */
constexpr float kZero = 1e-15f;

/** The number nearest to `value`, of two the larger one. */
size_t nearest_number(float value) {
  size_t above = 0; // the first that is larger
  for (size_t k = 0; k < kNumbers; ++k)
    above += value >= kNumber[k];
  if (above == 0 || above == kNumbers)
    return above == 0 ? 0 : kNumbers - 1;
  return value - kNumber[above - 1] < kNumber[above] - value ? above - 1 : above;
}

float fit(const float* x) {
  const float far = farthest(x, kBlock);
  if (fabsf(far) < kZero)
    return 0.0f;
  float scale = 0.0f, best = 0.0f;
  const auto attempt = [&](float inverted, bool first) {
    float sum_qx = 0.0f, sum_q2 = 0.0f;
    for (size_t j = 0; j < kBlock; ++j) {
      const float q = kNumber[nearest_number(inverted * x[j])], weighted = x[j] * x[j] * q;
      sum_qx += weighted * x[j];
      sum_q2 += weighted * q;
    }
    if (!first && !(sum_q2 > 0.0f && sum_qx * sum_qx > best * sum_q2))
      return;
    scale = sum_q2 > 0.0f ? sum_qx / sum_q2 : 0.0f;
    best = scale * sum_qx;
  };
  attempt(1.0f / (-far / kNumber[0]), true);
  for (int step = -7; step <= 7; ++step)
    attempt((static_cast<float>(step) + kNumber[0]) / far, false);
  return scale;
}

} // namespace

bool encode_iq4_nl(const float* x, size_t cols, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; k += kBlock, x += kBlock, row += kBlockBytes) {
    const float scale = fit(x), inverted = inverse(scale);
    uint8_t codes[kBlock];
    for (size_t j = 0; j < kBlock; ++j)
      codes[j] = static_cast<uint8_t>(nearest_number(inverted * x[j]));
    sound &= put_half(row, scale);
    put_nibbles(codes, row + 2);
  }
  return sound;
}

} // namespace bitnet
