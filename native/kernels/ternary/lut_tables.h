// What the kernels of lut share: the tables of a token, and the order in which they meet the tiles.
// Anonymous, like the layout.
//
// An activation is split into a = 16 high + low, low in -8..7 and high in -8..8. Each part of three
// activations has its own table of the 14 sums (at most 24 either way), so that an entry is one
// byte, one shuffle looks up a register full of rows, and nothing is rounded:
//
//   table of a triple:  bytes 0..15   low parts, entry |T| + 1
//                       bytes 16..31  high parts, entry |T| + 1
//   Σ t * a = 16 Σ high entries + Σ low entries      each negated where T < 0
//
// Five entries fit an unsigned byte when the sum starts at 128 (128 ± 120). Then it is added to
// 16-bit lanes, where two bytes share one:
//
//   all = even row + 256 * odd row      modulo 2^16
//   odd = odd row
//   even row = all - 256 * odd
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "lut_layout.h"

namespace bitnet {
namespace {

constexpr size_t kLutFit = 5;  // entries whose sum fits a byte
constexpr size_t kLutStep = 5; // units whose entries come in full sums of five
constexpr int32_t kLutStart = 128;

// Columns whose sums fit 16 unsigned bits: 3840, because 264 sums (160 units in steps, and two for
// each of up to four that are left) of 1280 entries are at most 264 * 128 + 1280 * 24 < 2^16.
constexpr size_t kLutChunkUnits = 160;
constexpr size_t kLutChunkCols = kLutChunkUnits * kLutUnitCols;

constexpr size_t kLutTableBytes = 32;
constexpr size_t kLutUnitTables = kLutTriples * kLutTableBytes;

/** Sums of kLutFit that lut kernels add up for `units` units: each began with kLutStart. */
inline int32_t lut_sums(size_t units) {
  return static_cast<int32_t>(units / kLutStep * (kLutStep * kLutTriples / kLutFit) +
                              units % kLutStep * 2);
}

/** Where the digits of |T| stand for each index: a byte of (a0 .. a7, -a0 .. -a7), or none. */
struct LutDigits {
  alignas(32) uint8_t take[2][3][32]; // [triple of a0 .. a5][digit][index, twice]
};
constexpr LutDigits lut_make_digits() {
  LutDigits d = {};
  for (int i = 0; i < 32; i++) {
    const int index = i % 16, size = index > 0 && index < 15 ? index - 1 : 0;
    const int t[3] = {(size + 13) / 9 - 1, (size + 13) / 3 % 3 - 1, (size + 13) % 3 - 1};
    for (int j = 0; j < 2; j++)
      for (int k = 0; k < 3; k++)
        d.take[j][k][i] = static_cast<uint8_t>(t[k] == 0 ? 0x80 : 3 * j + k + (t[k] < 0 ? 8 : 0));
  }
  return d;
}
constexpr LutDigits kLutDigits = lut_make_digits();

/** The parts of a chunk's activations, with room for whole vectors beyond the last. */
struct LutParts {
  alignas(64) int8_t low[kLutChunkCols + 64];
  alignas(64) int8_t high[kLutChunkCols + 64];
};

/**
 * Tokens whose tables serve one pass over the rows: as many as leave half of a 1 MB cache to it.
 */
inline size_t lut_tokens(size_t cols) {
  const size_t fit = (size_t{512} << 10) / (lut_units(cols) * kLutUnitTables);
  return fit < 1 ? 1 : fit > 4 ? 4 : fit;
}

size_t lut_scratch_bytes(size_t cols) {
  return sizeof(LutParts) + lut_tokens(cols) * lut_units(cols) * kLutUnitTables;
}

/**
 * Calls build(q, cols, parts, tables, units) once for every token and chunk of columns, then
 * rows(bytes, units, tables, first, out) for the same of every tile; `first`: out holds nothing
 * yet. Tiles are read from end to end, which is what prefetching relies on.
 */
template <class Build, class Rows>
void lut_product(const TernaryProduct& p, size_t row_begin, size_t row_end, Build build,
                 Rows rows) {
  LutParts* parts = reinterpret_cast<LutParts*>(p.scratch);
  uint8_t* tables = p.scratch + sizeof(LutParts);
  const size_t units = lut_units(p.cols), most = lut_tokens(p.cols);
  const auto for_chunks = [&](size_t tokens, auto work) {
    for (size_t j = 0; j < tokens; j++)
      for (size_t u = 0; u < units; u += kLutChunkUnits)
        work(j, u, units - u < kLutChunkUnits ? units - u : kLutChunkUnits,
             tables + (j * units + u) * kLutUnitTables);
  };
  for (size_t i = 0; i < p.n; i += most) {
    const size_t tokens = p.n - i < most ? p.n - i : most;
    for_chunks(tokens, [&](size_t j, size_t u, size_t some, uint8_t* to) {
      const size_t k = u * kLutUnitCols, cols = p.cols - k;
      build(p.q + (i + j) * p.q_stride + k, cols < kLutChunkCols ? cols : kLutChunkCols, parts, to,
            some);
    });
    for (size_t row = row_begin; row < row_end; row += kLutRows) {
      const uint8_t* tile = p.packed + row / kLutRows * lut_tile_bytes(p.cols);
      int32_t* out = p.out + i * p.out_stride + (row - row_begin);
      for_chunks(tokens, [&](size_t j, size_t u, size_t some, const uint8_t* from) {
        rows(tile + u * kLutUnitBytes, some, from, u == 0, out + j * p.out_stride);
      });
    }
  }
}

} // namespace
} // namespace bitnet
