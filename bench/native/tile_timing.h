// Times a product whose weights are tiles, from a cache and from memory, on each number of threads.
#pragma once
#include <math.h>

#include <algorithm>

#include "bench.h"
#include "measure.h"
#include "report.h"

/** Tokens that every kernel is compared with scalar on first: all ways a batch can be cut. */
constexpr size_t kVerifiedTokens = 37;

/**
 * Prints a row for each crew and place of the weights; `head` fills in what it is of. `work` has
 * run(pool, first tile, tiles, n, Value* out), tile_bytes(), matrix_tiles(), ring_tiles() and
 * macs(tiles, n); a tile has `tile_rows` rows.
 */
template <typename Value, typename Workload, typename Head>
void time_tiles(Workload& work, size_t tile_rows, size_t n, const Machine& machine, Head head) {
  // A run is about this long: a neighbor on the machine then leaves some runs undisturbed. The
  // matrix is cut to as many rows as that takes, which a thread of the engine does too.
  constexpr double kRunSeconds = 0.5e-3;
  bitnet::ThreadPool one(1);
  Aligned<Value> tile_out(n * tile_rows);
  double tile_seconds = 1;
  for (int i = 0; i < 4; i++) {
    const double start = now();
    work.run(one, 0, 1, n, tile_out.data());
    tile_seconds = std::min(tile_seconds, now() - start);
  }
  const size_t per_thread = std::max<size_t>(1, static_cast<size_t>(kRunSeconds / tile_seconds));
  const size_t cached = std::max<size_t>(1, kCached / work.tile_bytes());
  for (const Crew& crew : machine.crews)
    for (const bool memory : {false, true}) {
      const size_t threads = crew.pool->threads();
      const size_t share = memory ? per_thread : std::min(per_thread, cached);
      const size_t tiles = std::min(share * threads, work.matrix_tiles());
      Aligned<Value> out(n * tiles * tile_rows);
      size_t first = 0;
      const Timing t = measure([&] {
        work.run(*crew.pool, first, tiles, n, out.data());
        if (memory)
          first = first + 2 * tiles > work.ring_tiles() ? 0 : first + tiles;
      });
      const double macs = work.macs(tiles, n) / 1e9;
      const double gbps = static_cast<double>(tiles * work.tile_bytes()) / 1e9 / t.best;
      Row row;
      head(row);
      row.number("batch", static_cast<double>(n))
          .number("threads", static_cast<double>(threads))
          .text("weights_from", memory ? "memory" : "cache")
          .number("gweights_per_s", macs / t.best, 1)
          .number("median", macs / t.median, 1)
          .number("gb_per_s", gbps, 1)
          .number("read_percent", memory ? 100 * gbps / machine.memory_gbps : NAN, 0)
          .number("peak_percent", 100 * macs / t.best / crew.gmacs, 0)
          .print();
    }
}
