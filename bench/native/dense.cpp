// Dense products.
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

void bench_dense(const DenseKernel& kernel) {
  // Top bytes of a block's floats.
  const std::vector<size_t> exponents[kDenseTypes] = {{3},    {1},    {1}, {1},    {209},  {1},
                                                      {1, 3}, {1, 3}, {1}, {1, 3}, {1, 3}, {1}};
  const DenseKernel& scalar = *usable_dense_kernels(0).back();
  const size_t cols = 2560;
  for (uint32_t type = 0; type < kDenseTypes; type++) {
    const DenseStorage& stored = kDenseStorage[type];
    const size_t row_bytes = cols / stored.block * stored.block_bytes, rows = kUncached / row_bytes;
    Aligned<uint8_t> weights(rows * row_bytes);
    for (size_t i = 0; i < rows * row_bytes; i++)
      weights[i] =
          static_cast<uint8_t>(i * 2654435761u >> 13 & 0x3b); // no infinities, few subnormals
    for (size_t i = 0; i < rows * row_bytes; i += stored.block_bytes)
      for (size_t exponent : exponents[type])
        weights[i + exponent] = 0x34;
    Aligned<float> x(128 * cols), out(rows), expected(16);
    for (size_t i = 0; i < 128 * cols; i++)
      x[i] = static_cast<float>(random_bits() % 2001) / 1000 - 1;
    DenseProduct p = {.rows = weights.data(),
                      .row_bytes = row_bytes,
                      .cols = cols,
                      .x = x.data(),
                      .x_stride = cols,
                      .n = 1,
                      .out = out.data(),
                      .out_stride = rows};
    const size_t cached = kCached / row_bytes;
    kernel.product[type](p, 0, cached);
    p.out = expected.data();
    scalar.product[type](p, 0, 16);
    if (memcmp(out.data(), expected.data(), 16 * sizeof(float)) != 0) {
      fprintf(stderr, "dense-%s differs from scalar for %s.\n", kernel.isa, stored.name);
      exit(1);
    }
    p.out = out.data();
    const bool slow = &kernel == &scalar;
    const size_t memory = slow ? cached : std::min(rows, (size_t{8} << 20) / row_bytes);
    const Timing near = measure([&] { kernel.product[type](p, 0, cached); });
    size_t first = 0; // short runs, as a neighbor leaves few long ones alone
    const Timing far = measure([&] {
      kernel.product[type](p, first, first + memory);
      first = first + 2 * memory > rows ? 0 : first + memory;
    });
    p.n = slow ? 2 : 128;
    p.out_stride = 0 + cached;
    Aligned<float> batch(p.n * cached);
    p.out = batch.data();
    const Timing many = measure([&] { kernel.product[type](p, 0, cached); });
    Row()
        .text("kernel", std::string("dense-") + kernel.isa, 18)
        .text("type", stored.name, 5)
        .number("cache_gb_per_s", static_cast<double>(cached * row_bytes) / 1e9 / near.best, 1)
        .number("memory_gb_per_s", static_cast<double>(memory * row_bytes) / 1e9 / far.best, 1)
        .number("median", static_cast<double>(memory * row_bytes) / 1e9 / far.median, 1)
        .number("batch", static_cast<double>(p.n))
        .number("gfma_per_s", static_cast<double>(cached * cols * p.n) / 1e9 / many.best, 1)
        .print();
  }
}
