// Q4_K and Q5_K: 256 values in eight sub-blocks, each with a scale and a least value of six bits.
//
// A sub-block is fitted by weighted least squares, x ≈ scale * q - min, for several first guesses of
// the scale; the best fit stays. Values far from zero weigh more. The eight scales and mins are then
// rounded to six bits, and the codes are chosen anew for these.
#include "encoders.h"
#include "rounding.h"

namespace bitnet {
namespace {

constexpr size_t kBlock = 256;
constexpr size_t kSub = 32;
constexpr size_t kSubs = kBlock / kSub;

/** How many guesses of the scale are tried: (most + first + 0.1 i) / range for i = 0 .. steps. */
struct Search {
  int most; // largest code
  float first;
  int steps;
};

struct Fit {
  float scale = 0.0f;
  float min = 0.0f; // subtracted, never negative
};

void weigh(const float* x, float* weights) {
  float squares = 0.0f;
  for (size_t i = 0; i < kSub; ++i)
    squares += x[i] * x[i];
  const float usual = sqrtf(squares / kSub);
  for (size_t i = 0; i < kSub; ++i)
    weights[i] = usual + fabsf(x[i]);
}

float error_of(const float* x, const float* weights, const uint8_t* codes, float scale,
               float least) {
  float error = 0.0f;
  for (size_t i = 0; i < kSub; ++i) {
    const float difference = scale * codes[i] + least - x[i];
    error += weights[i] * (difference * difference);
  }
  return error;
}

Fit fit(const float* x, const Search& search, uint8_t* codes) {
  float weights[kSub];
  weigh(x, weights);
  float least = x[0], largest = x[0];
  float sum_w = weights[0], sum_x = sum_w * x[0];
  for (size_t i = 1; i < kSub; ++i) {
    least = x[i] < least ? x[i] : least;
    largest = x[i] > largest ? x[i] : largest;
    sum_w += weights[i];
    sum_x += weights[i] * x[i];
  }
  if (least > 0.0f)
    least = 0.0f;
  memset(codes, 0, kSub);
  if (largest == least)
    return {0.0f, -least};
  const float most = static_cast<float>(search.most);
  const auto choose = [&](float inverted, uint8_t* out) {
    for (size_t i = 0; i < kSub; ++i)
      out[i] = static_cast<uint8_t>(nearest(inverted * (x[i] - least), 0, search.most));
  };
  const float inverted = most / (largest - least);
  float scale = 1.0f / inverted;
  choose(inverted, codes);
  float best = error_of(x, weights, codes, scale, least);
  for (int step = 0; step <= search.steps; ++step) {
    uint8_t tried[kSub];
    choose((search.first + 0.1f * static_cast<float>(step) + most) / (largest - least), tried);
    float sum_l = 0.0f, sum_l2 = 0.0f, sum_xl = 0.0f;
    for (size_t i = 0; i < kSub; ++i) {
      const float l = tried[i], weighted = weights[i] * l;
      sum_l += weighted;
      sum_l2 += weighted * l;
      sum_xl += weighted * x[i];
    }
    const float determinant = sum_w * sum_l2 - sum_l * sum_l;
    if (!(determinant > 0.0f))
      continue;
    float this_scale = (sum_w * sum_xl - sum_x * sum_l) / determinant;
    float this_least = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
    if (this_least > 0.0f) {
      this_least = 0.0f;
      this_scale = sum_xl / sum_l2;
    }
    const float error = error_of(x, weights, tried, this_scale, this_least);
    if (error < best) {
      memcpy(codes, tried, kSub);
      best = error;
      scale = this_scale;
      least = this_least;
    }
  }
  return {scale, -least};
}

/** Six bits of scale and of min for each sub-block, as decode_k in dense_scalar.cpp reads them. */
void put_scales(const uint8_t* scales, const uint8_t* mins, uint8_t* to) {
  for (size_t s = 0; s < 4; ++s) {
    to[s] = static_cast<uint8_t>(scales[s] | scales[s + 4] >> 4 << 6);
    to[4 + s] = static_cast<uint8_t>(mins[s] | mins[s + 4] >> 4 << 6);
    to[8 + s] = static_cast<uint8_t>((scales[s + 4] & 15) | (mins[s + 4] & 15) << 4);
  }
}

/** @param kHigh bytes of fifth bits: 0 or 32 */
template <size_t kHigh> bool encode_block(const float* x, const Search& search, uint8_t* block) {
  uint8_t codes[kBlock];
  Fit fits[kSubs];
  float largest_scale = 0.0f, largest_min = 0.0f;
  for (size_t s = 0; s < kSubs; ++s) {
    fits[s] = fit(x + s * kSub, search, codes + s * kSub);
    largest_scale = fits[s].scale > largest_scale ? fits[s].scale : largest_scale;
    largest_min = fits[s].min > largest_min ? fits[s].min : largest_min;
  }
  const float to_scale = largest_scale > 0.0f ? 63.0f / largest_scale : 0.0f;
  const float to_min = largest_min > 0.0f ? 63.0f / largest_min : 0.0f;
  uint8_t scales[kSubs], mins[kSubs];
  for (size_t s = 0; s < kSubs; ++s) {
    // A negative scale would wrap to a large one: no fit has one.
    scales[s] = static_cast<uint8_t>(nearest(to_scale * fits[s].scale, 0, 63));
    mins[s] = static_cast<uint8_t>(nearest(to_min * fits[s].min, 0, 63));
  }
  const bool scale_fits = put_half(block, largest_scale / 63.0f);
  const bool min_fits = put_half(block + 2, largest_min / 63.0f);
  put_scales(scales, mins, block + 4);

  const float d = stored_half(block), dmin = stored_half(block + 2);
  for (size_t s = 0; s < kSubs; ++s) {
    const float scale = d * scales[s], min = dmin * mins[s];
    if (scale == 0.0f)
      continue;
    for (size_t i = s * kSub; i < (s + 1) * kSub; ++i)
      codes[i] = static_cast<uint8_t>(nearest((x[i] + min) / scale, 0, search.most));
  }
  uint8_t* high = block + 16;
  uint8_t* low = high + kHigh;
  for (size_t pair = 0; pair < kSubs / 2; ++pair)
    for (size_t j = 0; j < kSub; ++j) {
      const uint8_t even = codes[2 * pair * kSub + j], odd = codes[(2 * pair + 1) * kSub + j];
      low[pair * kSub + j] = static_cast<uint8_t>((even & 15) | (odd & 15) << 4);
    }
  for (size_t j = 0; j < kHigh; ++j) {
    unsigned bits = 0;
    for (size_t s = 0; s < kSubs; ++s)
      bits |= static_cast<unsigned>(codes[s * kSub + j] >> 4) << s;
    high[j] = static_cast<uint8_t>(bits);
  }
  return scale_fits && min_fits;
}

template <size_t kHigh>
bool encode_row(const float* x, size_t cols, const Search& search, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; k += kBlock, x += kBlock, row += 144 + kHigh)
    sound &= encode_block<kHigh>(x, search, row);
  return sound;
}

} // namespace

bool encode_q4_k(const float* x, size_t cols, uint8_t* row) {
  return encode_row<0>(x, cols, {.most = 15, .first = -1.0f, .steps = 20}, row);
}

bool encode_q5_k(const float* x, size_t cols, uint8_t* row) {
  return encode_row<32>(x, cols, {.most = 31, .first = -0.5f, .steps = 15}, row);
}

} // namespace bitnet
