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
 * Blocks of 256: ql[128] low nibbles, qh[64] high bit pairs, int8 scales[16], f16 d:
 *
 *   value j = (d * scales[j / 16]) * (q - 32)
 *
 * A half of 128 values has 64 bytes of ql and 32 of qh. It is four quarters of 32: value l of
 * quarter t takes nibble t / 2 of ql[32 * (t % 2) + l] and bits 2t, 2t + 1 of qh[l].
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

/**
 * Blocks of 32: f16 d, q[16]; value d * (q - 8). Byte j holds element j in its low nibble and
 * element j + 16 in its high one.
 */
void decode_q4_0(const uint8_t* row, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 32, row += 18) {
    const float d = float_of_half(load_u16(row));
    for (size_t j = 0; j < 32; j++) {
      const int q = row[2 + j % 16] >> (j < 16 ? 0 : 4) & 15;
      out[k + j] = d * static_cast<float>(q - 8);
    }
  }
}

/** Blocks of 32: f16 d, f16 m, q[16] as in Q4_0; value d * q + m. */
void decode_q4_1(const uint8_t* row, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 32, row += 20) {
    const float d = float_of_half(load_u16(row)), m = float_of_half(load_u16(row + 2));
    for (size_t j = 0; j < 32; j++) {
      const int q = row[4 + j % 16] >> (j < 16 ? 0 : 4) & 15;
      out[k + j] = d * static_cast<float>(q) + m;
    }
  }
}

/** Code j of a block of 32 five-bit ones: bit j of high[4] above a nibble of low[16] as in Q4_0. */
int five_bits(const uint8_t* high, const uint8_t* low, size_t j) {
  return (low[j % 16] >> (j < 16 ? 0 : 4) & 15) | (high[j / 8] >> j % 8 & 1) << 4;
}

/** Blocks of 32: f16 d, high[4], low[16]; value d * (q - 16). */
void decode_q5_0(const uint8_t* row, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 32, row += 22) {
    const float d = float_of_half(load_u16(row));
    for (size_t j = 0; j < 32; j++)
      out[k + j] = d * static_cast<float>(five_bits(row + 2, row + 6, j) - 16);
  }
}

/** Blocks of 32: f16 d, f16 m, high[4], low[16]; value d * q + m. */
void decode_q5_1(const uint8_t* row, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 32, row += 24) {
    const float d = float_of_half(load_u16(row)), m = float_of_half(load_u16(row + 2));
    for (size_t j = 0; j < 32; j++)
      out[k + j] = d * static_cast<float>(five_bits(row + 4, row + 8, j)) + m;
  }
}

/** Blocks of 32: f16 d, q[16] as in Q4_0; value d * (the q-th of 16 unevenly spread numbers). */
void decode_iq4_nl(const uint8_t* row, size_t cols, float* out) {
  static const float numbers[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                    1,    13,   25,  38,  53,  69,  89,  113};
  for (size_t k = 0; k < cols; k += 32, row += 18) {
    const float d = float_of_half(load_u16(row));
    for (size_t j = 0; j < 32; j++)
      out[k + j] = d * numbers[row[2 + j % 16] >> (j < 16 ? 0 : 4) & 15];
  }
}

/**
 * Blocks of 256: f16 d, f16 dmin, scales[12], in Q5_K high[32], q[128]; the value is
 * (d * scale) * q - dmin * min. Pairs of sub-blocks share 32 bytes of q, the even one in the low
 * nibbles; bit s of high[j] is the fifth of element j of sub-block s. Sub-block s has 6 bits of
 * scale and of min:
 *
 *   scales[s]      low six:  scale s                  high two:  scale s + 4, bits 4 and 5
 *   scales[4 + s]  low six:  min s                    high two:  min s + 4, bits 4 and 5
 *   scales[8 + s]  low four: scale s + 4, bits 0..3   high four: min s + 4, bits 0..3
 *
 * for s = 0..3.
 */
template <size_t kHigh> // bytes of high bits: 0 or 32
void decode_k(const uint8_t* row, size_t cols, float* out) {
  for (size_t k = 0; k < cols; k += 256, row += 144 + kHigh) {
    const float d = float_of_half(load_u16(row)), dmin = float_of_half(load_u16(row + 2));
    const uint8_t* scales = row + 4;
    for (size_t s = 0; s < 8; s++) {
      const size_t i = s % 4;
      const int scale = s < 4 ? scales[i] & 63 : (scales[8 + i] & 15) | scales[i] >> 6 << 4;
      const int min = s < 4 ? scales[4 + i] & 63 : scales[8 + i] >> 4 | scales[4 + i] >> 6 << 4;
      const float step = d * static_cast<float>(scale), least = dmin * static_cast<float>(min);
      for (size_t j = 0; j < 32; j++) {
        int q = row[16 + kHigh + s / 2 * 32 + j] >> (s % 2 ? 4 : 0) & 15;
        if (kHigh > 0)
          q |= (row[16 + j] >> s & 1) << 4;
        out[k + 32 * s + j] = step * static_cast<float>(q) - least;
      }
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
    .isa = "scalar",
    .features = 0,
    .product =
        {
            .f32 = product<decode_f32, 1024>,
            .f16 = product<decode_f16, 512>,
            .bf16 = product<decode_bf16, 512>,
            .q8_0 = product<decode_q8_0, 272>,
            .q6_k = product<decode_q6_k, 210>,
            .q4_0 = product<decode_q4_0, 144>,
            .q4_k = product<decode_k<0>, 144>,
            .q4_1 = product<decode_q4_1, 160>,
            .q5_0 = product<decode_q5_0, 176>,
            .q5_1 = product<decode_q5_1, 192>,
            .q5_k = product<decode_k<32>, 176>,
            .iq4_nl = product<decode_iq4_nl, 144>,
        },
    .decode =
        {
            .f32 = decode_f32,
            .f16 = decode_f16,
            .bf16 = decode_bf16,
            .q8_0 = decode_q8_0,
            .q6_k = decode_q6_k,
            .q4_0 = decode_q4_0,
            .q4_k = decode_k<0>,
            .q4_1 = decode_q4_1,
            .q5_0 = decode_q5_0,
            .q5_1 = decode_q5_1,
            .q5_k = decode_k<32>,
            .iq4_nl = decode_iq4_nl,
        },
};

} // namespace bitnet
