// The prefilter of the output head: an int8 copy times one vector.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench.h"
#include "measure.h"
#include "report.h"

using namespace bitnet;

void bench_prefilter(const PrefilterKernel& kernel, const Machine& machine) {
  const PrefilterKernel& scalar = *usable_prefilter_kernels(0).front();
  const size_t cols = rounded_up(2560, std::max(kernel.tile_cols, scalar.tile_cols));
  const size_t rows = std::max(kernel.tile_rows, scalar.tile_rows);
  const size_t tile = kernel.tile_bytes(cols), tiles = kUncached / tile;
  Aligned<uint8_t> packed(tiles * tile), plain(rows / scalar.tile_rows * scalar.tile_bytes(cols));
  std::vector<int8_t> q(rows * cols);
  Aligned<int8_t> high(cols), low(cols);
  for (int8_t& value : q)
    value = static_cast<int8_t>(static_cast<int>(random_bits() % 255) - 127);
  PrefilterProduct p = {};
  int32_t high_sum = 0, low_sum = 0;
  for (size_t k = 0; k < cols; k++) {
    high[k] = static_cast<int8_t>(static_cast<int>(random_bits() % 255) - 127);
    low[k] = static_cast<int8_t>(static_cast<int>(random_bits() % 128) - 64);
    high_sum += high[k];
    low_sum += low[k];
  }
  for (size_t i = 0; i < tiles; i++)
    kernel.pack_tile(&q[i * kernel.tile_rows % rows * cols], cols, packed.data() + i * tile);
  for (size_t r = 0; r < rows; r += scalar.tile_rows)
    scalar.pack_tile(&q[r * cols], cols,
                     plain.data() + r / scalar.tile_rows * scalar.tile_bytes(cols));
  p.cols = cols;
  p.high = high.data();
  p.low = low.data();
  p.high_sum = &high_sum;
  p.low_sum = &low_sum;
  p.n = 1;

  Aligned<float> out(tiles * kernel.tile_rows), expected(rows);
  p.packed = plain.data();
  p.out = expected.data();
  scalar.product(p, 0, rows);
  p.packed = packed.data();
  p.out = out.data();
  kernel.product(p, 0, rows);
  if (memcmp(out.data(), expected.data(), rows * sizeof(float)) != 0) {
    fprintf(stderr, "prefilter-%s differs from scalar.\n", kernel.isa);
    exit(1);
  }

  for (const Crew& crew : machine.crews)
    for (const bool memory : {false, true}) {
      const size_t threads = crew.pool->threads();
      const size_t cached = std::max<size_t>(1, kCached / tile) * threads;
      const size_t some = memory ? std::min(tiles, 64 * threads) : cached;
      size_t first = 0;
      const Timing t = measure([&] {
        crew.pool->parallel(some, [&](size_t i, size_t) {
          PrefilterProduct part = p;
          part.packed += first * tile;
          part.out += i * kernel.tile_rows;
          kernel.product(part, i * kernel.tile_rows, (i + 1) * kernel.tile_rows);
        });
        if (memory)
          first = first + 2 * some > tiles ? 0 : first + some;
      });
      const double gbps = static_cast<double>(some * tile) / 1e9 / t.best;
      Row()
          .text("kernel", std::string("prefilter-") + kernel.isa, 18)
          .number("cols", static_cast<double>(cols))
          .number("threads", static_cast<double>(threads))
          .text("weights_from", memory ? "memory" : "cache")
          .number("gb_per_s", gbps, 1)
          .number("median", gbps * t.best / t.median, 1)
          .number("read_percent", memory ? 100 * gbps / machine.memory_gbps : NAN, 0)
          .number("peak_percent", 100 * 2 * gbps / crew.gmacs, 0)
          .print();
    }
}
