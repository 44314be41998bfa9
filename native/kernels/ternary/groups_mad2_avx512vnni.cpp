// Ternary product with group scales at two bits a code with VPDPBUSD on 512-bit registers.
#include "ternary.h"

#include "../cpu_features.h"
#include "groups_avx512.h"
#include "mad2_layout.h"

namespace bitnet {
namespace {

// From this many tokens on, unpacking a piece of a tile once pays.
constexpr size_t kUnpackGroupsFrom = 33;

/**
 * Packed bytes times kTokens tokens, a group at a time. Field f counts 4^f-fold: its sum begins at
 * -4^f Σ q, and the factor is taken from the step.
 */
template <int kTokens>
void mask_groups(const uint8_t* tile, const GroupProduct& g, const GroupPanel& p) {
  const __m512i mask[4] = {_mm512_set1_epi8(0x03), _mm512_set1_epi8(0x0c), _mm512_set1_epi8(0x30),
                           _mm512_set1_epi8(static_cast<char>(0xc0))};
  __m512 total[kTokens][4];
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 4
    for (int f = 0; f < 4; f++)
      total[i][f] = _mm512_setzero_ps();
  const int8_t* q = p.q;
  const size_t q_stride = p.q_stride, group = g.group, groups = g.cols / group;
  for (size_t at = 0; at < groups; at++, q += group) {
    Lanes sum[kTokens][4];
#pragma GCC unroll 8
    for (int i = 0; i < kTokens; i++) {
      const int32_t minus = -sum_of_group(p.sums + i * p.sums_stride, at, group);
#pragma GCC unroll 4
      for (int f = 0; f < 4; f++)
        sum[i][f] = lanes(_mm512_set1_epi32(minus * (1 << 2 * f)));
    }
    for (size_t k = 0; k < group; k += 4, tile += kMad2Group) {
      const __m512i w = _mm512_loadu_si512(tile);
      if (kTokens == 1)
        _mm_prefetch(reinterpret_cast<const char*>(tile + kGroupAhead), _MM_HINT_T1);
      __m512i field[4];
#pragma GCC unroll 4
      for (int f = 0; f < 4; f++)
        field[f] = _mm512_and_si512(w, mask[f]);
#pragma GCC unroll 8
      for (int i = 0; i < kTokens; i++) {
        const __m512i a = activations4(q + i * q_stride + k);
#pragma GCC unroll 4
        for (int f = 0; f < 4; f++)
          sum[i][f] = dot(sum[i][f], field[f], a);
      }
    }
    if (kTokens == 1)
      for (size_t line = 0; line < 2; line++)
        _mm_prefetch(reinterpret_cast<const char*>(tile + kGroupAhead + 64 * line), _MM_HINT_T1);
#pragma GCC unroll 4
    for (int f = 0; f < 4; f++) {
      const __m512 scale = scales16(tile + 32 * f, g.factor);
#pragma GCC unroll 8
      for (int i = 0; i < kTokens; i++)
        total[i][f] = _mm512_fmadd_ps(floats(sum[i][f]), scale, total[i][f]);
    }
    tile += kMad2Rows * sizeof(uint16_t);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 4
    for (int f = 0; f < 4; f++)
      _mm512_storeu_ps(
          p.out + i * p.out_stride + 16 * f,
          _mm512_mul_ps(total[i][f], _mm512_set1_ps(p.step[i] / static_cast<float>(1 << 2 * f))));
}

void mask_tile(const uint8_t* tile, const GroupProduct& p, float* out) {
  for (size_t i = 0; i < p.n;) {
    const GroupPanel panel = panel_of(p, i, 0, out);
    switch (p.n - i) {
    case 1:
      mask_groups<1>(tile, p, panel);
      return;
    case 2:
      mask_groups<2>(tile, p, panel);
      return;
    case 4:
      mask_groups<4>(tile, p, panel);
      return;
    default:
      mask_groups<3>(tile, p, panel);
      i += 3;
    }
  }
}

/** Codes of `cols` columns of a tile as bytes: [cols / 4][field][lane][4]. */
void unpack_fields(const uint8_t* bytes, size_t cols, uint8_t* codes) {
  const __m512i mask = _mm512_set1_epi8(3);
  for (size_t k = 0; k < cols; k += 4, bytes += kMad2Group, codes += 4 * 64) {
    const __m512i w = _mm512_loadu_si512(bytes);
#pragma GCC unroll 4
    for (unsigned f = 0; f < 4; f++)
      _mm512_store_si512(codes + f * 64, _mm512_and_si512(_mm512_srli_epi16(w, 2 * f), mask));
  }
}

void product(const GroupProduct& p, size_t row_begin, size_t row_end) {
  const size_t tile_bytes = groups_tile_bytes<kMad2Rows>(p.cols, p.group);
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * tile_bytes;
    float* out = p.out + (row - row_begin);
    if (p.n >= kUnpackGroupsFrom)
      multiply_group_tile<4, unpack_fields>(tile, p, out);
    else
      mask_tile(tile, p, out);
  }
}

} // namespace

extern const GroupKernel kGroupsMad2Avx512Vnni;
const GroupKernel kGroupsMad2Avx512Vnni = {
    .family = "mad2",
    .isa = "avx512vnni",
    .features = kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    .tile_rows = kMad2Rows,
    .tile_bytes = groups_tile_bytes<kMad2Rows>,
    .pack_tile = pack_groups<kMad2Rows, mad2_pack_tile>,
    .scratch_bytes = groups_scratch(kMad2Rows),
    .product = product,
};

} // namespace bitnet
