// Ternary product with VPMADDUBSW on 256-bit registers, for CPUs without VPDPBUSD; overflow-proof
// in int16.
#include "../cpu_features.h"
#include "codes_avx2.h"
#include "fields_avx2.h"
#include "mad2_layout.h"

namespace bitnet {
namespace {

/** Codes of the 16 rows of `field`, `cols` columns, as bytes: [cols / 4][64]. */
void unpack_field(const uint8_t* tile, size_t cols, int field, uint8_t* codes) {
  const __m256i mask = _mm256_set1_epi8(3);
  const __m128i shift = _mm_cvtsi32_si128(2 * field);
  for (size_t i = 0; i < cols * 16; i += 32)
    store(codes + i, _mm256_and_si256(_mm256_srl_epi16(load(tile + i), shift), mask));
}

/**
 * One tile times all tokens: 16 rows x 256 columns of codes (4 kB) are unpacked once and stay in
 * L1.
 */
void tile_times_tokens(const uint8_t* tile, const TernaryProduct& p,
                       int32_t* out /* [n, out_stride] */) {
  alignas(32) uint8_t codes[16 * kCodesCols];
  for (size_t k = 0; k < p.cols; k += kCodesCols) {
    const size_t cols = p.cols - k < kCodesCols ? p.cols - k : kCodesCols;
    for (int field = 0; field < 4; field++) {
      unpack_field(tile + mad2_tile_bytes(k), cols, field, codes);
      codes_times_all(codes, k, cols, p, out + 16 * field);
    }
  }
}

/** Batches of up to this many tokens are faster without the unpacked copy. */
constexpr size_t kFew = 8;

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * mad2_tile_bytes(p.cols);
    int32_t* out = p.out + (row - row_begin);
    start_rows(p, kMad2Rows, out);
    if (p.n <= kFew)
      fields_times_all({tile, p.cols, kMad2Lanes, kMad2Lanes / 2}, 0, p, out);
    else
      tile_times_tokens(tile, p, out);
  }
}

} // namespace

extern const TernaryKernel kMad2Avx2;
const TernaryKernel kMad2Avx2 = {
    .family = "mad2",
    .isa = "avx2",
    .features = kCpuAvx2,
    .tile_rows = kMad2Rows,
    .tile_cols = kMad2Cols,
    .tile_bytes = mad2_tile_bytes,
    .pack_tile = mad2_pack_tile,
    .unpack_tile = mad2_unpack_tile,
    .scratch_bytes = mad2_no_scratch,
    .product = product,
};

} // namespace bitnet
