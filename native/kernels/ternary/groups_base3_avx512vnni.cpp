// Ternary product with group scales at 1.6 bits a code with VPDPBUSD on 512-bit registers.
#include "ternary.h"

#include "../cpu_features.h"
#include "base3_panel_avx512.h"
#include "groups_avx512.h"

namespace bitnet {
namespace {

// From this many tokens on, unpacking a piece of a tile once pays for the sixth sum that
// telescoping costs each token.
constexpr size_t kUnpackGroupsFrom = 13;

/**
 * Packed bytes times kTokens tokens as in base3_panel_avx512.h, a group at a time. All six sums of
 * a group begin at -128 Σ q, so that
 *
 *   3 S[f] - S[f + 1] = 256 Σ (c_f - 1) q
 *
 * |S| stays below 2^23, where f32 is exact: converted first, the five differences are a fused
 * operation each. The factor 256 is taken from the step.
 */
template <int kTokens>
void telescope_groups(const uint8_t* tile, const GroupProduct& g, const GroupPanel& p) {
  const __m512 three = _mm512_set1_ps(3.0f);
  __m512 total[kTokens][5];
#pragma GCC unroll 4
  for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 5
    for (int f = 0; f < 5; f++)
      total[i][f] = _mm512_setzero_ps();
  const int8_t* q = p.q;
  const size_t q_stride = p.q_stride, group = g.group, groups = g.cols / group;
  for (size_t at = 0; at < groups; at++, q += group) {
    Lanes sum[kTokens][6];
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++) {
      const int32_t q_sum = sum_of_group(p.sums + i * p.sums_stride, at, group);
      const Lanes start = lanes(_mm512_set1_epi32(-128 * q_sum));
#pragma GCC unroll 6
      for (int f = 0; f < 6; f++)
        sum[i][f] = start;
    }
    for (size_t k = 0; k < group; k += 4, tile += kBase3Group) {
      __m512i w = _mm512_loadu_si512(tile);
      if (kTokens == 1)
        _mm_prefetch(reinterpret_cast<const char*>(tile + kGroupAhead), _MM_HINT_T1);
      __m512i a[kTokens];
#pragma GCC unroll 4
      for (int i = 0; i < kTokens; i++)
        a[i] = activations4(q + i * q_stride + k);
#pragma GCC unroll 6
      for (int f = 0; f < 6; f++) {
#pragma GCC unroll 4
        for (int i = 0; i < kTokens; i++)
          sum[i][f] = dot(sum[i][f], w, a[i]);
        if (f < 5)
          w = times3(w);
      }
    }
    if (kTokens == 1)
      for (size_t line = 0; line < 3; line++)
        _mm_prefetch(reinterpret_cast<const char*>(tile + kGroupAhead + 64 * line), _MM_HINT_T1);
    __m512 scale[5];
#pragma GCC unroll 5
    for (size_t f = 0; f < 5; f++)
      scale[f] = scales16(tile + 32 * f, g.factor);
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++) {
      __m512 s[6];
#pragma GCC unroll 6
      for (int f = 0; f < 6; f++)
        s[f] = floats(sum[i][f]);
#pragma GCC unroll 5
      for (int f = 0; f < 5; f++)
        total[i][f] =
            _mm512_fmadd_ps(_mm512_fmsub_ps(three, s[f], s[f + 1]), scale[f], total[i][f]);
    }
    tile += kBase3Rows * sizeof(uint16_t);
  }
#pragma GCC unroll 4
  for (int i = 0; i < kTokens; i++) {
    const __m512 step = _mm512_set1_ps(p.step[i] * 0x1p-8f);
#pragma GCC unroll 5
    for (int f = 0; f < 5; f++)
      _mm512_storeu_ps(p.out + i * p.out_stride + 16 * f, _mm512_mul_ps(total[i][f], step));
  }
}

void telescope_group_tile(const uint8_t* tile, const GroupProduct& p, float* out) {
  for (size_t i = 0; i < p.n;) {
    const GroupPanel panel = panel_of(p, i, 0, out);
    switch (p.n - i) {
    case 1:
      telescope_groups<1>(tile, p, panel);
      return;
    case 2:
      telescope_groups<2>(tile, p, panel);
      return;
    case 4:
      telescope_groups<2>(tile, p, panel);
      i += 2;
      break;
    default:
      telescope_groups<3>(tile, p, panel);
      i += 3;
    }
  }
}

void product(const GroupProduct& p, size_t row_begin, size_t row_end) {
  const size_t tile_bytes = groups_tile_bytes<kBase3Rows>(p.cols, p.group);
  for (size_t row = row_begin; row < row_end; row += kBase3Rows) {
    const uint8_t* tile = p.packed + row / kBase3Rows * tile_bytes;
    float* out = p.out + (row - row_begin);
    if (p.n >= kUnpackGroupsFrom)
      multiply_group_tile<kBase3Fields, unpack>(tile, p, out);
    else
      telescope_group_tile(tile, p, out);
  }
}

} // namespace

extern const GroupKernel kGroupsBase3Avx512Vnni;
const GroupKernel kGroupsBase3Avx512Vnni = {
    .family = "base3",
    .isa = "avx512vnni",
    .features = kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    .tile_rows = kBase3Rows,
    .tile_bytes = groups_tile_bytes<kBase3Rows>,
    .pack_tile = pack_groups<kBase3Rows, base3_pack_tile>,
    .scratch_bytes = groups_scratch(kBase3Rows),
    .product = product,
};

} // namespace bitnet
