// Ternary product with group scales at two bits a code with VPMADDUBSW, overflow-proof in int16.
#include "ternary.h"

#include "../cpu_features.h"
#include "codes_avx2.h"
#include "groups_layout.h"
#include "mad2_layout.h"

namespace bitnet {
namespace {

// Bytes fetched ahead into L2 for one token.
constexpr size_t kGroupAhead = 8192;

/** Batches of up to this many tokens are faster without the unpacked copy. */
constexpr size_t kFew = 4;

constexpr size_t kPanelTokens = 6; // at most: see codes_avx2.h

inline __m256 scales8(const uint8_t* halves, float factor) {
  const __m256 scale = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
  return factor == 1.0f ? scale : _mm256_mul_ps(scale, _mm256_set1_ps(factor));
}

/**
 * What int16 sums of codes begin with, so that their pairs end as sums of trits: -weight * Σ q in
 * one half of every int32 lane. It fits: a lane's sums stay within ±32,512 with it, because its
 * columns' part of Σ q goes against what they add.
 */
inline __m256i start_pairs(int32_t q_sum, int weight) {
  return _mm256_set1_epi32(static_cast<uint16_t>(-weight * q_sum));
}

inline void add_scaled(float* total, __m256i sum, __m256 scale) {
  _mm256_store_ps(total, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, _mm256_load_ps(total)));
}

/**
 * A tile times one token <1, 2>, or 8 of its 16 lanes times two tokens <2, 1>, as in fields_avx2.h:
 * eight int16 sums, of 64 columns at a time. Fields 1 and 3 count fourfold, which the step undoes.
 */
template <int kTokens, int kHalves>
void tile_times_few(const uint8_t* tile, const GroupProduct& p, size_t i, size_t half, float* out) {
  const __m256i f0 = _mm256_set1_epi8(0x03), f1 = _mm256_set1_epi8(0x0c);
  alignas(32) float total[4][2][8];
  for (int f = 0; f < 4; f++)
    for (int j = 0; j < 2; j++)
      _mm256_store_ps(total[f][j], _mm256_setzero_ps());
  const int8_t* q = p.q + i * p.q_stride;
  const int32_t* sums = p.q_sums + i * p.sums_stride;
  const size_t q_stride = p.q_stride, sums_stride = p.sums_stride, parts = p.group / kGroupSumCols;
  for (size_t g = 0; g < p.cols / p.group; g++) {
    __m256i wide[4][2];
    for (size_t part = 0; part < parts; part++, sums++) {
      __m256i acc[4][2];
      for (int j = 0; j < 2; j++) {
        const int32_t q_sum = sums[kTokens == 1 ? 0 : j * sums_stride];
        acc[0][j] = acc[2][j] = start_pairs(q_sum, 1);
        acc[1][j] = acc[3][j] = start_pairs(q_sum, 4);
      }
      for (size_t k = 0; k < kGroupSumCols; k += 4, q += 4, tile += kMad2Group) {
        if (kTokens == 1)
          _mm_prefetch(reinterpret_cast<const char*>(tile + kGroupAhead), _MM_HINT_T1);
#pragma GCC unroll 2
        for (int h = 0; h < kHalves; h++) {
          const __m256i low = load(tile + 32 * (kTokens == 1 ? h : half));
          const __m256i high =
              _mm256_srli_epi16(low, 4); // bits from the neighbor byte are masked away
          const __m256i w[4] = {_mm256_and_si256(low, f0), _mm256_and_si256(low, f1),
                                _mm256_and_si256(high, f0), _mm256_and_si256(high, f1)};
#pragma GCC unroll 2
          for (int t = 0; t < kTokens; t++) {
            const __m256i a = broadcast4(q + t * q_stride);
            for (int f = 0; f < 4; f++)
              acc[f][h + t] = _mm256_add_epi16(acc[f][h + t], _mm256_maddubs_epi16(w[f], a));
          }
        }
      }
      for (int f = 0; f < 4; f++)
        for (int j = 0; j < 2; j++)
          wide[f][j] =
              part == 0 ? widen(acc[f][j]) : _mm256_add_epi32(wide[f][j], widen(acc[f][j]));
    }
    for (int f = 0; f < 4; f++)
      for (int j = 0; j < 2; j++) {
        const size_t h = kTokens == 1 ? static_cast<size_t>(j) : half;
        add_scaled(total[f][j], wide[f][j], scales8(tile + 32 * f + 16 * h, p.factor));
      }
    tile += kMad2Rows * sizeof(uint16_t);
  }
  for (size_t f = 0; f < 4; f++)
    for (size_t j = 0; j < 2; j++) {
      const size_t token = kTokens == 1 ? i : i + j, h = kTokens == 1 ? j : half;
      const float step = f % 2 ? p.step[token] * 0.25f : p.step[token];
      _mm256_storeu_ps(out + token * p.out_stride + kMad2Lanes * f + 8 * h,
                       _mm256_mul_ps(_mm256_load_ps(total[f][j]), _mm256_set1_ps(step)));
    }
}

void tile_times_pairs(const uint8_t* tile, const GroupProduct& p, float* out) {
  size_t i = 0;
  for (; i + 2 <= p.n; i += 2)
    for (size_t half = 0; half < 2; half++)
      tile_times_few<2, 1>(tile, p, i, half, out);
  if (i < p.n)
    tile_times_few<1, 2>(tile, p, i, 0, out);
}

/** 16 rows of a piece: codes, [cols / 4][row][4], and scales, [groups][16]. */
struct GroupRows {
  const uint8_t* codes;
  const float* scales;
  size_t groups, group;
  bool first, last; // of the pieces of a row: out starts, and is multiplied by step
};

/** 16 rows times kTokens tokens, with the twelve sums of codes_avx2.h. */
template <int kTokens>
void rows_times_tokens(GroupRows rows, const GroupProduct& p, size_t i, size_t k, float* out) {
  alignas(32) float total[kTokens][2][8];
  out += i * p.out_stride;
  for (int t = 0; t < kTokens; t++)
    for (int j = 0; j < 2; j++)
      _mm256_store_ps(total[t][j], rows.first ? _mm256_setzero_ps()
                                              : _mm256_loadu_ps(out + t * p.out_stride + 8 * j));
  const int8_t* q = p.q + i * p.q_stride + k;
  const int32_t* sums = p.q_sums + i * p.sums_stride + k / kGroupSumCols;
  const size_t q_stride = p.q_stride, group = rows.group;
  for (size_t g = 0; g < rows.groups; g++, q += group) {
    __m256i acc[kTokens][2];
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; t++)
      acc[t][0] = acc[t][1] = start_pairs(sum_of_group(sums + t * p.sums_stride, g, group), 1);
    for (size_t c = 0; c < group; c += 4, rows.codes += 64) {
      const __m256i w0 = load(rows.codes), w1 = load(rows.codes + 32);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; t++) {
        const __m256i a = broadcast4(q + t * q_stride + c);
        acc[t][0] = _mm256_add_epi16(acc[t][0], _mm256_maddubs_epi16(w0, a));
        acc[t][1] = _mm256_add_epi16(acc[t][1], _mm256_maddubs_epi16(w1, a));
      }
    }
    const __m256 scale0 = _mm256_load_ps(rows.scales + 16 * g);
    const __m256 scale1 = _mm256_load_ps(rows.scales + 16 * g + 8);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; t++) {
      add_scaled(total[t][0], widen(acc[t][0]), scale0);
      add_scaled(total[t][1], widen(acc[t][1]), scale1);
    }
  }
  for (int t = 0; t < kTokens; t++)
    for (int j = 0; j < 2; j++) {
      const __m256 step = _mm256_set1_ps(rows.last ? p.step[i + t] : 1.0f);
      _mm256_storeu_ps(out + t * p.out_stride + 8 * j,
                       _mm256_mul_ps(_mm256_load_ps(total[t][j]), step));
    }
}

void rows_times_panel(const GroupRows& rows, size_t tokens, const GroupProduct& p, size_t i,
                      size_t k, float* out) {
  switch (tokens) {
  case 1:
    return rows_times_tokens<1>(rows, p, i, k, out);
  case 2:
    return rows_times_tokens<2>(rows, p, i, k, out);
  case 3:
    return rows_times_tokens<3>(rows, p, i, k, out);
  case 4:
    return rows_times_tokens<4>(rows, p, i, k, out);
  case 5:
    return rows_times_tokens<5>(rows, p, i, k, out);
  default:
    return rows_times_tokens<6>(rows, p, i, k, out);
  }
}

// Columns unpacked at a time, whole groups of any size: 16 rows of them are 16 kB, which stay in the
// L1 cache while all tokens pass.
constexpr size_t kPiece = 1024;

/** Codes of the 16 rows of `field`, `cols` columns, as bytes: [cols / 4][64]. */
void unpack_field(const uint8_t* bytes, size_t cols, int field, uint8_t* codes) {
  const __m256i mask = _mm256_set1_epi8(3);
  const __m128i shift = _mm_cvtsi32_si128(2 * field);
  for (size_t i = 0; i < cols * kTileColumn; i += 32)
    store(codes + i, _mm256_and_si256(_mm256_srl_epi16(load(bytes + i), shift), mask));
}

void tile_times_many(const uint8_t* tile, const GroupProduct& p, float* out) {
  alignas(32) uint8_t codes[16 * kPiece];
  alignas(32) float scales[16 * kPiece / kGroupSumCols];
  const size_t bytes = group_bytes(kMad2Rows, p.group);
  for (size_t k = 0; k < p.cols; k += kPiece) {
    const size_t cols = p.cols - k < kPiece ? p.cols - k : kPiece, groups = cols / p.group;
    for (int field = 0; field < 4; field++) {
      for (size_t g = 0; g < groups; g++) {
        const uint8_t *from = tile + g * bytes, *halves = from + p.group * kTileColumn + 32 * field;
        unpack_field(from, p.group, field, codes + 16 * g * p.group);
        _mm256_store_ps(scales + 16 * g, scales8(halves, p.factor));
        _mm256_store_ps(scales + 16 * g + 8, scales8(halves + 16, p.factor));
      }
      const GroupRows rows = {codes, scales, groups, p.group, k == 0, k + cols == p.cols};
      for (size_t i = 0; i < p.n;) {
        const size_t left = p.n - i;
        const size_t tokens = left <= kPanelTokens      ? left
                              : left < 2 * kPanelTokens ? (left + 1) / 2
                                                        : kPanelTokens;
        rows_times_panel(rows, tokens, p, i, k, out + 16 * field);
        i += tokens;
      }
    }
    tile += groups * bytes;
  }
}

void product(const GroupProduct& p, size_t row_begin, size_t row_end) {
  const size_t tile_bytes = groups_tile_bytes<kMad2Rows>(p.cols, p.group);
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * tile_bytes;
    float* out = p.out + (row - row_begin);
    if (p.n <= kFew)
      tile_times_pairs(tile, p, out);
    else
      tile_times_many(tile, p, out);
  }
}

} // namespace

extern const GroupKernel kGroupsMad2Avx2;
const GroupKernel kGroupsMad2Avx2 = {
    .family = "mad2",
    .isa = "avx2",
    .features = kCpuAvx2,
    .tile_rows = kMad2Rows,
    .tile_bytes = groups_tile_bytes<kMad2Rows>,
    .pack_tile = pack_groups<kMad2Rows, mad2_pack_tile>,
    .scratch_bytes = 0,
    .product = product,
};

} // namespace bitnet
