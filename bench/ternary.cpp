// Ternary products.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench.h"
#include "measure.h"

using namespace bitnet;

void bench_ternary(const TernaryKernel& kernel, const Shape& shape, double peak) {
  const std::string name = std::string(kernel.family) + "-" + kernel.isa;
  const size_t rows = rounded_up(shape.rows, kernel.tile_rows),
               cols = rounded_up(shape.cols, kernel.tile_cols);
  const size_t tile = kernel.tile_bytes(cols), bytes = rows / kernel.tile_rows * tile;
  const size_t copies = kUncached / bytes + 1, most = 512;
  Aligned<uint8_t> packed(copies * bytes), scratch(kernel.scratch_bytes(cols));
  std::vector<uint8_t> codes(kernel.tile_rows * cols);
  for (uint8_t& c : codes)
    c = static_cast<uint8_t>(random_bits() % 3);
  kernel.pack_tile(codes.data(), cols, packed.data());
  for (size_t i = tile; i < copies * bytes; i += tile)
    memcpy(packed.data() + i, packed.data(), std::min(tile, copies * bytes - i));

  const size_t q_stride = rounded_up(cols, 64);
  Aligned<int8_t> q(most * q_stride);
  Aligned<int32_t> q_sum(most), out(most * rows);
  for (size_t i = 0; i < most; i++)
    for (size_t k = 0; k < shape.cols; k++) {
      q[i * q_stride + k] = static_cast<int8_t>(static_cast<int>(random_bits() % 255) - 127);
      q_sum[i] += q[i * q_stride + k];
    }
  TernaryProduct p = {packed.data(), cols, q.data(),      q_stride, q_sum.data(), 1,
                      out.data(),    rows, scratch.data()};

  for (size_t n : {1, 4, 16, 37}) {
    p.n = n;
    kernel.product(p, 0, kernel.tile_rows);
    for (size_t i = 0; i < n; i++)
      for (size_t r = 0; r < kernel.tile_rows; r++) {
        int32_t sum = 0;
        for (size_t k = 0; k < cols; k++)
          sum += (codes[r * cols + k] - 1) * q[i * q_stride + k];
        if (out[i * rows + r] != sum) {
          printf("%s is wrong at %zux%zu, n %zu, row %zu: %d instead of %d\n", name.c_str(), rows,
                 cols, n, r, out[i * rows + r], sum);
          exit(1);
        }
      }
  }

  const auto report = [&](const char* where, size_t some_rows, size_t n, const Timing& t) {
    const double macs = static_cast<double>(some_rows * cols * n) / 1e9,
                 gb = static_cast<double>(some_rows / kernel.tile_rows * tile) / 1e9;
    printf("%-18s %5zux%-5zu n %-4zu %-6s %10.1f us %8.1f GMAC/s (median %6.1f) %6.1f GB/s",
           name.c_str(), shape.rows, shape.cols, n, where, t.best * 1e6, macs / t.best,
           macs / t.median, gb / t.best);
    if (n > 1 && peak > 0)
      printf(" %4.0f %% of VPDPBUSD", 100 * macs / t.best / peak);
    printf("\n");
    fflush(stdout);
  };
  p.n = 1;
  const size_t cached_rows = std::max<size_t>(kCached / tile, 1) * kernel.tile_rows;
  report("cache", std::min(cached_rows, rows), 1,
         measure([&] { kernel.product(p, 0, std::min(cached_rows, rows)); }));
  size_t copy = 0;
  report("memory", rows, 1, measure([&] {
           p.packed = packed.data() + copy * bytes;
           copy = (copy + 1) % copies;
           kernel.product(p, 0, rows);
         }));
  p.packed = packed.data();
  for (size_t n : {4, 16, 128, 512}) {
    if (strcmp(kernel.isa, "scalar") == 0 && n > 4)
      break; // seconds per run
    p.n = n;
    report("", rows, n, measure([&] { kernel.product(p, 0, rows); }));
  }
}
