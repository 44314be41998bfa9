// The packed layout that all base3 kernels share: 1.6 bits per weight, with its packer. Anonymous
// on purpose, like mad2_layout.h.
//
// A tile is 80 rows. Each group of four columns takes 64 bytes, 16 lanes of four bytes:
//
//   byte [k / 4][lane][k % 4]  holds column k of five rows:
//
//   digit  c0     c1         c2         c3         c4           codes c = t + 1 in {0, 1, 2}
//   row    lane   16 + lane  32 + lane  48 + lane  64 + lane
//
//   v = 81 c0 + 27 c1 + 9 c2 + 3 c3 + c4
//   b = ceil(256 v / 243)      the byte, as in TQ1_0
//
// Multiplying by three pushes a digit out of the byte:
//
//   q[0]     = b
//   q[f + 1] = 3 q[f] mod 256
//   c_f      = (3 q[f] - q[f + 1]) / 256      exactly
//
// So no digit needs to be extracted, six sums give those of the five rows f:
//
//   S[f]         = Σ_k q[f] * a      f = 0..5
//   Σ_k c_f * a  = (3 S[f] - S[f + 1]) / 256
//
// S may wrap: 3 S[f] - S[f + 1] is right modulo 2^32 as long as 256 * 2 * 127 * columns < 2^31.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace bitnet {
namespace {

constexpr size_t kBase3Fields = 5; // rows in one byte
constexpr size_t kBase3Lanes = 16;
constexpr size_t kBase3Rows = kBase3Fields * kBase3Lanes;
constexpr size_t kBase3Cols = 64;     // padding unit: the loops need no tail
constexpr size_t kBase3Group = 64;    // bytes of four columns
constexpr size_t kBase3Chunk = 32768; // columns whose sums fit, see above

inline size_t base3_tile_bytes(size_t cols) {
  return cols / 4 * kBase3Group;
}

/**
 * bytes[i] holds the codes c[0][i] to c[4][i], the first in the highest digit. ceil(256 v / 243) is
 * v + ceil(13 v / 243), which 16 bits hold, so that compilers use vectors.
 */
inline void base3_bytes(const uint8_t* const c[kBase3Fields], size_t count, uint8_t* bytes) {
  for (size_t i = 0; i < count; i++) {
    const uint16_t v =
        static_cast<uint16_t>(81 * c[0][i] + 27 * c[1][i] + 9 * c[2][i] + 3 * c[3][i] + c[4][i]);
    bytes[i] = static_cast<uint8_t>(v + static_cast<uint16_t>(13 * v + 242) / 243);
  }
}

inline void base3_pack_tile(const uint8_t* codes /* [80, cols] */, size_t cols, uint8_t* tile) {
  uint8_t bytes[kBase3Cols];
  for (size_t lane = 0; lane < kBase3Lanes; lane++)
    for (size_t k = 0; k < cols; k += kBase3Cols) {
      const uint8_t* c[kBase3Fields];
      for (size_t f = 0; f < kBase3Fields; f++)
        c[f] = codes + (f * kBase3Lanes + lane) * cols + k;
      base3_bytes(c, kBase3Cols, bytes);
      for (size_t j = 0; j < kBase3Cols; j += 4)
        memcpy(tile + (k + j) / 4 * kBase3Group + lane * 4, bytes + j, 4);
    }
}

inline void base3_unpack_tile(const uint8_t* tile, size_t cols, uint8_t* codes /* [80, cols] */) {
  for (size_t lane = 0; lane < kBase3Lanes; lane++)
    for (size_t k = 0; k < cols; k++) {
      unsigned q = tile[k / 4 * kBase3Group + lane * 4 + k % 4];
      for (size_t f = 0; f < kBase3Fields; f++, q = 3 * q & 255)
        codes[(f * kBase3Lanes + lane) * cols + k] = static_cast<uint8_t>(3 * q >> 8);
    }
}

} // namespace
} // namespace bitnet
