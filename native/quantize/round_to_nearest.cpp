// Types whose scale follows from the extremes of a block: F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1.
#include "encoders.h"
#include "rounding.h"

namespace bitnet {
namespace {

constexpr size_t kBlock = 32;

/** Bit 4 of 32 codes: bit j of the word is that of code j. */
void put_fifth_bits(const uint8_t* codes, uint8_t* to) {
  uint32_t bits = 0;
  for (size_t j = 0; j < kBlock; ++j)
    bits |= static_cast<uint32_t>(codes[j] >> 4) << j;
  memcpy(to, &bits, sizeof bits);
}

struct Extremes {
  float least, most;
};

Extremes extremes(const float* x) {
  Extremes found = {x[0], x[0]};
  for (size_t j = 1; j < kBlock; ++j) {
    found.least = x[j] < found.least ? x[j] : found.least;
    found.most = x[j] > found.most ? x[j] : found.most;
  }
  return found;
}

/** x = d * (q - kHalf): the value farthest from zero becomes -kHalf. */
template <int kHalf, class Put> bool encode_around_zero(const float* x, uint8_t* block, Put put) {
  const float d = farthest(x, kBlock) / -kHalf;
  const float inverted = inverse(d);
  uint8_t codes[kBlock];
  for (size_t j = 0; j < kBlock; ++j)
    codes[j] = static_cast<uint8_t>(whole(x[j] * inverted + (kHalf + 0.5f), 2 * kHalf - 1));
  put(codes);
  return put_half(block, d);
}

/** x = d * q + m: from the least value to the largest. */
template <int kMost, class Put> bool encode_from_least(const float* x, uint8_t* block, Put put) {
  const Extremes found = extremes(x);
  const float d = (found.most - found.least) / kMost;
  const float inverted = inverse(d);
  uint8_t codes[kBlock];
  for (size_t j = 0; j < kBlock; ++j)
    codes[j] = static_cast<uint8_t>(whole((x[j] - found.least) * inverted + 0.5f, kMost));
  put(codes);
  const bool sound = put_half(block, d);
  return put_half(block + 2, found.least) && sound;
}

} // namespace

bool encode_f16(const float* x, size_t cols, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; ++k)
    sound &= put_half(row + 2 * k, x[k]);
  return sound;
}

bool encode_bf16(const float* x, size_t cols, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; ++k) {
    uint32_t bits;
    memcpy(&bits, x + k, sizeof bits);
    bits += 0x7fff + (bits >> 16 & 1);
    sound &= (bits & 0x7f800000) != 0x7f800000;
    const uint16_t upper = static_cast<uint16_t>(bits >> 16);
    memcpy(row + 2 * k, &upper, sizeof upper);
  }
  return sound;
}

bool encode_q8_0(const float* x, size_t cols, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; k += kBlock, x += kBlock, row += 34) {
    float size = 0.0f;
    for (size_t j = 0; j < kBlock; ++j)
      size = fabsf(x[j]) > size ? fabsf(x[j]) : size;
    const float d = size / 127;
    const float inverted = inverse(d);
    for (size_t j = 0; j < kBlock; ++j) {
      // Halves away from zero. The rounded reciprocal of a tiny d may be infinite.
      const float value = x[j] * inverted;
      const float within = value > 127.0f ? 127.0f : value > -127.0f ? value : -127.0f;
      const int truncated = static_cast<int>(within);
      const float rest = within - static_cast<float>(truncated);
      row[2 + j] = static_cast<uint8_t>(truncated + (rest >= 0.5f) - (rest <= -0.5f));
    }
    sound &= put_half(row, d);
  }
  return sound;
}

bool encode_q4_0(const float* x, size_t cols, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; k += kBlock, x += kBlock, row += 18)
    sound &=
        encode_around_zero<8>(x, row, [=](const uint8_t* codes) { put_nibbles(codes, row + 2); });
  return sound;
}

bool encode_q4_1(const float* x, size_t cols, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; k += kBlock, x += kBlock, row += 20)
    sound &=
        encode_from_least<15>(x, row, [=](const uint8_t* codes) { put_nibbles(codes, row + 4); });
  return sound;
}

bool encode_q5_0(const float* x, size_t cols, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; k += kBlock, x += kBlock, row += 22)
    sound &= encode_around_zero<16>(x, row, [=](const uint8_t* codes) {
      put_fifth_bits(codes, row + 2);
      put_nibbles(codes, row + 6);
    });
  return sound;
}

bool encode_q5_1(const float* x, size_t cols, uint8_t* row) {
  bool sound = true;
  for (size_t k = 0; k < cols; k += kBlock, x += kBlock, row += 24)
    sound &= encode_from_least<31>(x, row, [=](const uint8_t* codes) {
      put_fifth_bits(codes, row + 4);
      put_nibbles(codes, row + 8);
    });
  return sound;
}

} // namespace bitnet
