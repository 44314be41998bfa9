// Ternary product by table lookup with VPSHUFB on 256-bit registers, for CPUs without VPDPBUSD: a
// sixth less to read than mad2.
#include "../cpu_features.h"
#include "codes_avx2.h"
#include "lut_tables.h"

namespace bitnet {
namespace {

/**
 * Bytes to prefetch ahead, into L2: 150 instructions pass for every 64 bytes, too many for the CPU
 * to look far enough ahead by itself. One token, Zen 4, 2560 x 2560 from memory: 50 GMAC/s without,
 * 72 into L1 (whose few outstanding misses are the limit then), 116 into L2.
 */
constexpr size_t kAhead = 12288;

/** Both parts of `cols` activations (a multiple of 64), followed by zeros. */
void split(const int8_t* q, size_t cols, LutParts* parts) {
  const __m256i eight = _mm256_set1_epi8(8), fifteen = _mm256_set1_epi8(15);
  for (size_t k = 0; k < cols; k += 32) {
    const __m256i a = load(q + k);
    // high = floor(a / 16), and one more if the rest is 8 or above
    const __m256i nibble = _mm256_and_si256(_mm256_srli_epi16(a, 4), fifteen);
    const __m256i floor = _mm256_sub_epi8(_mm256_xor_si256(nibble, eight), eight);
    const __m256i up = _mm256_and_si256(_mm256_srli_epi16(a, 3), _mm256_set1_epi8(1));
    store(parts->high + k, _mm256_add_epi8(floor, up));
    store(parts->low + k,
          _mm256_sub_epi8(_mm256_and_si256(_mm256_add_epi8(a, eight), fifteen), eight));
  }
  store(parts->low + cols, _mm256_setzero_si256());
  store(parts->high + cols, _mm256_setzero_si256());
}

inline __m128i load8(const int8_t* p) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
}

/**
 * Two tables at a time, from six activations: low parts in the low 128 bits, high parts in the
 * high.
 */
void build_tables(const int8_t* q, size_t cols, LutParts* parts, uint8_t* tables, size_t units) {
  split(q, cols, parts);
  for (size_t k = 0; k < units * kLutUnitCols; k += 6, tables += 2 * kLutTableBytes) {
    const __m256i a = _mm256_inserti128_si256(_mm256_castsi128_si256(load8(parts->low + k)),
                                              load8(parts->high + k), 1);
    const __m256i signs = _mm256_unpacklo_epi64(a, _mm256_sub_epi8(_mm256_setzero_si256(), a));
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
      const __m256i t0 = _mm256_shuffle_epi8(signs, load(kLutDigits.take[j][0]));
      const __m256i t1 = _mm256_shuffle_epi8(signs, load(kLutDigits.take[j][1]));
      const __m256i t2 = _mm256_shuffle_epi8(signs, load(kLutDigits.take[j][2]));
      store(tables + j * kLutTableBytes, _mm256_add_epi8(_mm256_add_epi8(t0, t1), t2));
    }
  }
}

/** Sums over one part of the activations: see lut_tables.h. */
struct Sums {
  __m256i all, odd;
};

/** Keeps a chain of additions as it is written: GCC would reorder it and spill what waits. */
inline void settle(__m256i& sum) {
#if defined(__GNUC__)
  __asm__("" : "+x"(sum));
#else
  (void)sum;
#endif
}

inline void add_bytes(Sums& s, __m256i bytes) {
  s.all = _mm256_add_epi16(s.all, bytes);
  s.odd = _mm256_add_epi16(s.odd, _mm256_srli_epi16(bytes, 8));
  settle(s.all);
  settle(s.odd);
}

inline __m256i table(const uint8_t* p) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
}

/** 32 rows of vector `at`, each byte's low or high nibble. */
inline __m256i index_of(__m256i vector, LutPlace at) {
  return _mm256_and_si256(at.shift ? _mm256_srli_epi16(vector, 4) : vector, _mm256_set1_epi8(15));
}

/**
 * kUnits units of a tile times one token. A triple (96 weights) takes 2 VPSHUFB, 2 VPSIGNB, 2
 * additions, 1.4 instructions for its index, 0.8 for its sign and 1.2 for the 16-bit sums.
 */
template <size_t kUnits>
inline void add_units(const uint8_t* bytes, const uint8_t* tables, Sums& low, Sums& high) {
  const __m256i start = _mm256_set1_epi8(static_cast<char>(kLutStart));
  __m256i l = start, h = start;
#pragma GCC unroll 5
  for (size_t u = 0; u < kUnits; u++, bytes += kLutUnitBytes) {
    for (size_t i = 0; i < kLutUnitBytes; i += 64)
      _mm_prefetch(reinterpret_cast<const char*>(bytes) + kAhead + i, _MM_HINT_T1);
    __m256i sign = start;
#pragma GCC unroll 8
    for (size_t j = 0; j < kLutTriples; j++, tables += kLutTableBytes) {
      const __m256i vector = load(bytes + kLutPlaces[j].vector * kLutRows);
      const __m256i index = index_of(vector, kLutPlaces[j]);
      sign = j % 4 == 0 ? vector : _mm256_add_epi8(sign, sign);
      l = _mm256_add_epi8(l, _mm256_sign_epi8(_mm256_shuffle_epi8(table(tables), index), sign));
      h = _mm256_add_epi8(h,
                          _mm256_sign_epi8(_mm256_shuffle_epi8(table(tables + 16), index), sign));
      settle(l);
      settle(h);
      const size_t done = u * kLutTriples + j + 1;
      if (done % kLutFit == 0 || done == kUnits * kLutTriples) {
        add_bytes(low, l);
        add_bytes(high, h);
        l = h = start;
      }
    }
  }
}

/** 16 rows from 16-bit sums of both parts. */
inline void store_rows(__m256i low, __m256i high, int32_t bias, bool first, int32_t* out) {
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++, out += 8) {
    const __m256i l =
        _mm256_cvtepu16_epi32(i ? _mm256_extracti128_si256(low, 1) : _mm256_castsi256_si128(low));
    const __m256i h =
        _mm256_cvtepu16_epi32(i ? _mm256_extracti128_si256(high, 1) : _mm256_castsi256_si128(high));
    const __m256i before = first ? _mm256_setzero_si256() : load(out);
    const __m256i sum = _mm256_add_epi32(l, _mm256_slli_epi32(h, 4));
    store(out, _mm256_add_epi32(before, _mm256_sub_epi32(sum, _mm256_set1_epi32(bias))));
  }
}

/** A tile's units of one chunk times one token. */
void tile_times_token(const uint8_t* bytes, size_t units, const uint8_t* tables, bool first,
                      int32_t* out) {
  const __m256i zero = _mm256_setzero_si256();
  Sums low = {zero, zero}, high = {zero, zero};
  size_t u = 0;
  for (; u + kLutStep <= units; u += kLutStep)
    add_units<kLutStep>(bytes + u * kLutUnitBytes, tables + u * kLutUnitTables, low, high);
  for (; u < units; u++)
    add_units<1>(bytes + u * kLutUnitBytes, tables + u * kLutUnitTables, low, high);
  const auto even = [](const Sums& s) {
    return _mm256_sub_epi16(s.all, _mm256_slli_epi16(s.odd, 8));
  };
  const int32_t bias = lut_sums(units) * kLutStart * 17;
  store_rows(even(low), even(high), bias, first, out);
  store_rows(low.odd, high.odd, bias, first, out + 16);
}

/** Digits of |T| for each index, in both halves. */
struct Trits {
  alignas(32) int8_t of[3][32];
};
constexpr Trits make_trits() {
  Trits t = {};
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < 32; i++)
      t.of[k][i] = static_cast<int8_t>(kLutDigits.take[0][k][i] == 0x80 ? 0
                                       : kLutDigits.take[0][k][i] < 8   ? 1
                                                                        : -1);
  return t;
}
constexpr Trits kTrits = make_trits();

/** Four columns of 32 rows to [row][4], even rows and odd rows apart. */
inline void interleave(const __m256i c[4], uint8_t* even, uint8_t* odd) {
  const __m256i low = _mm256_set1_epi16(0xff);
  const auto rows = [](__m256i c01, __m256i c23, uint8_t* to) {
    const __m256i x = _mm256_unpacklo_epi16(c01, c23), y = _mm256_unpackhi_epi16(c01, c23);
    store(to, _mm256_permute2x128_si256(x, y, 0x20));
    store(to + 32, _mm256_permute2x128_si256(x, y, 0x31));
  };
  rows(_mm256_or_si256(_mm256_and_si256(c[0], low), _mm256_slli_epi16(c[1], 8)),
       _mm256_or_si256(_mm256_and_si256(c[2], low), _mm256_slli_epi16(c[3], 8)), even);
  rows(_mm256_or_si256(_mm256_srli_epi16(c[0], 8), _mm256_andnot_si256(low, c[1])),
       _mm256_or_si256(_mm256_srli_epi16(c[2], 8), _mm256_andnot_si256(low, c[3])), odd);
}

/** Codes of one unit as bytes, [column / 4][row][4], even rows and odd rows apart. */
void unpack_unit(const uint8_t* bytes, uint8_t* even, uint8_t* odd) {
  __m256i codes[kLutUnitCols], sign = _mm256_setzero_si256();
#pragma GCC unroll 8
  for (size_t j = 0; j < kLutTriples; j++) {
    const __m256i vector = load(bytes + kLutPlaces[j].vector * kLutRows);
    const __m256i index = index_of(vector, kLutPlaces[j]);
    sign = j % 4 == 0 ? vector : _mm256_add_epi8(sign, sign);
    for (size_t k = 0; k < 3; k++) {
      const __m256i t = _mm256_shuffle_epi8(load(kTrits.of[k]), index);
      codes[3 * j + k] = _mm256_add_epi8(_mm256_sign_epi8(t, sign), _mm256_set1_epi8(1));
    }
  }
#pragma GCC unroll 6
  for (size_t g = 0; g < kLutUnitCols / 4; g++)
    interleave(codes + 4 * g, even + 64 * g, odd + 64 * g);
}

constexpr size_t kBlockUnits = kCodesCols / kLutUnitCols;
constexpr size_t kBlockCols = kBlockUnits * kLutUnitCols;

/**
 * One tile times all tokens: 32 rows x 240 columns of codes (7.5 kB) are unpacked once and stay in
 * L1.
 */
void tile_times_tokens(const uint8_t* tile, const TernaryProduct& p,
                       int32_t* out /* [n, out_stride] */) {
  start_rows(p, kLutRows, out);
  alignas(32) uint8_t codes[2][16 * kBlockCols];
  for (size_t k = 0; k < p.cols; k += kBlockCols) {
    const size_t cols = p.cols - k < kBlockCols ? p.cols - k : kBlockCols;
    for (size_t c = 0; c < cols; c += kLutUnitCols, tile += kLutUnitBytes)
      unpack_unit(tile, codes[0] + 16 * c, codes[1] + 16 * c);
    codes_times_all(codes[0], k, cols, p, out);
    codes_times_all(codes[1], k, cols, p, out + 16);
  }
}

/** From this many tokens on, the unpacked copy is faster than tables. */
constexpr size_t kUnpackFrom = 10;

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  if (p.n < kUnpackFrom)
    return lut_product(p, row_begin, row_end, build_tables, tile_times_token);
  for (size_t row = row_begin; row < row_end; row += kLutRows)
    tile_times_tokens(p.packed + row / kLutRows * lut_tile_bytes(p.cols), p,
                      p.out + (row - row_begin));
}

} // namespace

extern const TernaryKernel kLutAvx2;
const TernaryKernel kLutAvx2 = {
    .family = "lut",
    .isa = "avx2",
    .features = kCpuAvx2,
    .tile_rows = kLutRows,
    .tile_cols = kLutCols,
    .tile_bytes = lut_tile_bytes,
    .pack_tile = lut_pack_tile,
    .unpack_tile = lut_unpack_tile,
    .scratch_bytes = lut_scratch_bytes,
    .product = product,
};

} // namespace bitnet
