// Finds the scale that weights share, and their codes.
#include "ternary_rows.h"

#include <math.h>
#include <string.h>

#include <algorithm>

#include "../common/half.h"
#include "findings.h"

namespace bitnet {
namespace {

bool all_zero(const uint8_t* codes, size_t count) {
  uint8_t other = 0;
  for (size_t i = 0; i < count; ++i)
    other |= codes[i] ^ 1;
  return other == 0;
}

uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

float first_size(const float* x, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (x[i] != 0.0f)
      return fabsf(x[i]);
  return 0.0f;
}

/** Whether every weight is 0 or as large as the scale; their codes. */
bool split_exactly(const float* x, size_t count, float scale, uint8_t* codes) {
  const uint32_t wanted = bits_of(scale);
  uint32_t wrong = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = bits_of(x[i]), size = bits & 0x7fffffff;
    const uint32_t some = size != 0;
    wrong |= some & static_cast<uint32_t>(size != wanted);
    codes[i] = static_cast<uint8_t>(1 + some - 2 * (some & bits >> 31));
  }
  return wrong == 0;
}

} // namespace

double sum_of_sizes(const float* x, size_t count) {
  double lanes[4] = {};
  for (size_t i = 0; i < count; ++i)
    lanes[i % 4] += fabs(static_cast<double>(x[i]));
  return lanes[0] + lanes[1] + (lanes[2] + lanes[3]);
}

float absmean(const float* x, size_t count) {
  return usable_absmean(sum_of_sizes(x, count) / static_cast<double>(count));
}

float common_size(const float* x, size_t count) {
  uint32_t all = 0;
  for (size_t i = 0; i < count; ++i)
    all |= bits_of(x[i]);
  const uint32_t size = all & 0x7fffffff;
  uint32_t wrong = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t own = bits_of(x[i]) & 0x7fffffff;
    wrong |= own ^ (own != 0 ? size : 0);
  }
  if (wrong != 0)
    return -1.0f;
  float value;
  memcpy(&value, &size, sizeof value);
  return value;
}

void TernaryRows::start(size_t count, size_t cols, size_t group, float scale) {
  cols_ = cols;
  fixed_ = group == 0;
  shared_ = fixed_ ? cols : group;
  scale_ = scale;
  findings = 0;
  if (fixed_)
    check_scale(scale);
  codes_.resize(count * cols);
  scales_.resize(count * (cols / shared_));
}

void TernaryRows::check_scale(float scale) {
  if (!isfinite(scale))
    findings |= kNotFinite;
}

void TernaryRows::regroup(size_t r, const uint8_t* codes, const float* scales, size_t from) {
  codes += r * cols_;
  scales += r * (cols_ / from);
  memcpy(codes_.data() + r * cols_, codes, cols_);
  for (size_t g = 0; g < cols_ / from; ++g)
    check_scale(scales[g]);
  for (size_t k = 0; k < cols_; k += shared_) {
    const size_t first = k / from, last = (k + shared_ - 1) / from;
    float& scale = scales_of(r)[k / shared_];
    scale = fixed_ ? scale_ : scales[first];
    // Of zeros the scale does not matter, unless there is no other.
    bool certain = fixed_ || first == last;
    for (size_t g = first; g <= last; ++g) {
      if (certain && scales[g] == scale)
        continue;
      const size_t begin = std::max(k, g * from), end = std::min(k + shared_, (g + 1) * from);
      if (all_zero(codes + begin, end - begin))
        continue;
      if (certain)
        findings |= kScalesDiffer;
      scale = scales[g];
      certain = true;
    }
  }
}

void TernaryRows::split(size_t r, const float* x) {
  for (size_t k = 0; k < cols_; k += shared_) {
    const float scale = fixed_ ? scale_ : first_size(x + k, shared_);
    check_scale(scale);
    scales_of(r)[k / shared_] = scale;
    if (split_exactly(x + k, shared_, scale, codes_.data() + r * cols_ + k))
      continue;
    const bool finite = std::all_of(x + k, x + k + shared_, [](float w) { return isfinite(w); });
    findings |= uint32_t{finite ? kNotTernary : kNotFinite};
  }
}

void TernaryRows::round(size_t r, const float* x) {
  uint8_t* codes = codes_.data() + r * cols_;
  for (size_t k = 0; k < cols_; k += shared_) {
    const float mean = absmean(x + k, shared_); // not finite if a weight is not
    const float scale = fixed_ ? scale_ : mean;
    check_scale(mean);
    scales_of(r)[k / shared_] = scale;
    for (size_t i = k; i < k + shared_; ++i)
      codes[i] = ternary_code(x[i], scale);
  }
}

void TernaryRows::sort(size_t r, const float* x, const float* scales, size_t from, float limit) {
  const size_t cols = cols_; // of which codes could be a part, as far as compilers know
  uint8_t* codes = codes_.data() + r * cols;
  for (size_t i = 0; i < cols; ++i)
    codes[i] = static_cast<uint8_t>(1 + (x[i] > limit) - (x[i] < -limit));
  give_scales(r, scales, from);
}

void TernaryRows::take(size_t r, const uint8_t* codes, const float* scales, size_t from) {
  memcpy(codes_.data() + r * cols_, codes + r * cols_, cols_);
  give_scales(r, scales, from);
}

void TernaryRows::give_scales(size_t r, const float* scales, size_t from) {
  for (size_t k = 0; k < cols_; k += shared_)
    scales_of(r)[k / shared_] = fixed_ ? scale_ : scales[k / from];
}

void TernaryRows::round_scales() {
  for (float& scale : scales_) {
    if (!isfinite(scale))
      continue;
    const float rounded = half_to_float(nearest_half_bits(scale));
    if (rounded == scale)
      continue;
    findings |= !isfinite(rounded) ? kTooLarge : rounded == 0.0f ? kScaleLost : kScaleRounded;
    scale = rounded;
  }
}

} // namespace bitnet
