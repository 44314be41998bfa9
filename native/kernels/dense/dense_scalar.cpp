// Dense products in plain C++: the values of each stored type and the 16-lane order, by definition.
#include "dense.h"

#include <math.h>
#include <string.h>

namespace bitnet {
namespace {

float float_of_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

uint32_t load_u16(const uint8_t* p) {
  return p[0] | static_cast<uint32_t>(p[1]) << 8;
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

void decode_f32(const uint8_t* row, size_t cols, float* out) {
  memcpy(out, row, cols * sizeof *out);
}

void decode_f16(const uint8_t* row, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k++)
    out[k] = float_of_half(load_u16(row + 2 * k));
}

void decode_bf16(const uint8_t* row, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k++)
    out[k] = float_of_bits(load_u16(row + 2 * k) << 16);
}

/** Blocks of 32: f16 d, int8 q[32]; value d * q. */
void decode_q8_0(const uint8_t* row, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 32, row += 34) {
    const float d = float_of_half(load_u16(row));
    for (size_t j = 0; j < 32; j++)
      out[k + j] = d * static_cast<float>(static_cast<int8_t>(row[2 + j]));
  }
}

/**
 * Blocks of 256: ql[128] low nibbles, qh[64] high bit pairs, int8 scales[16], f16 d; the value is
 * (d * scale) * (q - 32). A half of 128 values is four quarters of 32: quarter t takes nibble t / 2
 * of ql[32 * (t % 2) + l] and bits 2t, 2t + 1 of qh[l].
 */
void decode_q6_k(const uint8_t* row, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 256, row += 210) {
    const float d = float_of_half(load_u16(row + 208));
    for (size_t j = 0; j < 256; j++) {
      const size_t half = j / 128, quarter = j / 32 % 4, l = j % 32;
      const unsigned low = row[64 * half + 32 * (quarter % 2) + l] >> 4 * (quarter / 2) & 15;
      const unsigned high = row[128 + 32 * half + l] >> 2 * quarter & 3;
      const float scale = d * static_cast<float>(static_cast<int8_t>(row[192 + j / 16]));
      out[k + j] = scale * static_cast<float>(static_cast<int>(low | high << 4) - 32);
    }
  }
}

/** Pairs at distance 8, 4, 2, 1. */
float tree(float* lane) {
  for (size_t distance = 8; distance > 0; distance /= 2)
    for (size_t j = 0; j < distance; j++)
      lane[j] += lane[j + distance];
  return lane[0];
}

using Decode = void (*)(const uint8_t*, size_t, float*);

/** kBytes / 256 bytes per weight: 256 columns are a whole number of blocks of every type. */
template <Decode kDecode, size_t kBytes>
void product(const DenseProduct& p, size_t row_begin, size_t row_end) {
  for (size_t r = row_begin; r < row_end; r++) {
    const uint8_t* row = p.rows + r * p.row_bytes;
    for (size_t i = 0; i < p.n; i++) {
      const float* x = p.x + i * p.x_stride;
      float lane[16] = {};
      for (size_t k = 0; k < p.cols; k += 256) {
        float w[256];
        const size_t count = p.cols - k < 256 ? p.cols - k : 256;
        kDecode(row + k / 256 * kBytes, count, w);
        for (size_t j = 0; j < count; j++)
          lane[j % 16] = fmaf(w[j], x[k + j], lane[j % 16]);
      }
      p.out[i * p.out_stride + (r - row_begin)] = tree(lane);
    }
  }
}

} // namespace

extern const DenseKernel kDenseScalar;
const DenseKernel kDenseScalar = {
    "scalar",
    0,
    {product<decode_f32, 1024>, product<decode_f16, 512>, product<decode_bf16, 512>,
     product<decode_q8_0, 272>, product<decode_q6_k, 210>},
    {decode_f32, decode_f16, decode_bf16, decode_q8_0, decode_q6_k},
};

} // namespace bitnet
