// Units: the live ones of a 2B-4T matrix times one token, and all of them times a batch.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bench.h"
#include "measure.h"
#include "report.h"

using namespace bitnet;

namespace {

constexpr size_t kWidth = 2560, kUnits = 6912;

/** The same for every kernel, and in no order. */
uint32_t scattered(uint32_t value) {
  value = (value ^ value >> 16) * 0x45d9f3b;
  value = (value ^ value >> 16) * 0x45d9f3b;
  return value ^ value >> 16;
}

/** Matrices of row units and of column units, in a ring that no cache holds, and their inputs. */
class Workload {
public:
  Workload(const UnitKernel& kernel, size_t units, size_t tokens, size_t threads)
      : kernel_(kernel), units_(units), unit_(kernel.unit_bytes(kWidth)),
        matrices_(units == kUnits ? kUncached / (units * unit_) : 1),
        rows_(matrices_ * units * unit_), columns_(matrices_ * units * unit_),
        padded_(rounded_up(kWidth, kernel.block)), stride_(rounded_up(kUnits, 64)),
        q_(tokens * stride_), q_sum_(tokens),
        scratch_stride_(rounded_up(kernel.scratch_bytes(kWidth), 64)),
        scratch_(threads * scratch_stride_ + 64), sums_(threads * padded_), ids_(units) {
    std::vector<uint8_t> codes(padded_ * units, 1); // [padded, units]
    std::vector<uint8_t> row(padded_, 1);
    for (size_t r = 0; r < kWidth; r++)
      for (size_t unit = 0; unit < units; unit++)
        codes[r * units + unit] = static_cast<uint8_t>((r * 7 + unit * unit + r * unit) % 3);
    for (size_t r = 0; r < padded_; r += kernel.block)
      kernel.pack_columns(&codes[r * units], units, r, columns_.data(), unit_);
    for (size_t unit = 0; unit < units; unit++) {
      for (size_t k = 0; k < kWidth; k++)
        row[k] = codes[k * units + unit];
      kernel.pack_row(row.data(), kWidth, rows_.data() + unit * unit_);
    }
    for (size_t i = 1; i < matrices_; i++) {
      memcpy(rows_.data() + i * units * unit_, rows_.data(), units * unit_);
      memcpy(columns_.data() + i * units * unit_, columns_.data(), units * unit_);
    }
    for (size_t i = 0; i < tokens; i++)
      set_inputs(i, 0);
  }

  /** Makes the activations of `token` non-zero up to `count`; the sum is right for all of them. */
  void set_inputs(size_t token, size_t count) {
    q_sum_[token] = 0;
    for (size_t k = 0; k < count; k++) {
      q_[token * stride_ + k] = static_cast<int8_t>(1 + (k * 37 + token * 11) % 127);
      q_sum_[token] += q_[token * stride_ + k];
    }
    memset(q_.data() + token * stride_ + count, 0, stride_ - count);
  }

  /** Lets this share of the units live, in no pattern that a CPU could foresee. */
  void set_live(double share) {
    live_ = 0;
    for (size_t unit = 0; unit < units_; unit++)
      if (static_cast<double>(scattered(static_cast<uint32_t>(unit)) >> 16) < share * 65536)
        ids_[live_++] = static_cast<int32_t>(unit);
  }

  size_t live_bytes() const { return live_ * unit_; }
  size_t live() const { return live_; }
  size_t matrices() const { return matrices_; }
  const int32_t* ids() const { return ids_.data(); }
  int32_t* sums() { return sums_.data(); }

  /** out: [live]; units are shared out as the engine does. */
  void dot(ThreadPool& pool, size_t matrix, int32_t* out) {
    share(pool, [&](size_t first, size_t count, size_t) {
      kernel_.dot(rows_.data() + matrix * units_ * unit_, kWidth, ids_.data() + first, count,
                  q_.data(), q_sum_[0], out + first);
    });
  }

  /** Into sums() of each thread. */
  void accumulate(ThreadPool& pool, size_t matrix) {
    share(pool, [&](size_t first, size_t count, size_t thread) {
      kernel_.accumulate(columns_.data() + matrix * units_ * unit_, kWidth, ids_.data() + first,
                         count, q_.data(), sums_.data() + thread * padded_);
    });
  }

  /** Rows a thread takes at a time. */
  size_t chunk_rows(bool columns, size_t n) const {
    return rounded_up(n < 64 ? 128 : 64, columns ? kernel_.column_step(n) : 16);
  }

  /**
   * Rows [0, rows) of a matrix whose units are rows, or columns; place(begin, thread) is where the
   * sums of the chunk at `begin` go: out, and its distance from token to token.
   */
  template <class Place>
  void batch(ThreadPool& pool, bool columns, size_t matrix, size_t rows, size_t n, Place place) {
    const size_t chunk = chunk_rows(columns, n);
    const uint8_t* units = (columns ? columns_ : rows_).data() + matrix * units_ * unit_;
    pool.parallel((rows + chunk - 1) / chunk, [&](size_t i, size_t thread) {
      const size_t begin = i * chunk, end = std::min(rows, begin + chunk);
      const auto [out, out_stride] = place(begin, thread);
      (columns ? kernel_.columns
               : kernel_.rows)({.units = units,
                                .unit_bytes = unit_,
                                .width = kWidth,
                                .count = units_,
                                .q = q_.data(),
                                .q_stride = stride_,
                                .q_sum = q_sum_.data(),
                                .n = n,
                                .out = out,
                                .out_stride = out_stride,
                                .scratch = scratch_.data() + thread * scratch_stride_},
                               begin, end);
    });
  }

private:
  template <class Use> void share(ThreadPool& pool, Use use) {
    const size_t most = std::min<size_t>(512, rounded_up(live_ / (2 * pool.threads()) + 1, 64));
    pool.parallel((live_ + most - 1) / most, [&](size_t chunk, size_t thread) {
      use(chunk * most, std::min(most, live_ - chunk * most), thread);
    });
  }

  const UnitKernel& kernel_;
  const size_t units_, unit_, matrices_;
  Aligned<uint8_t> rows_, columns_;
  const size_t padded_, stride_;
  Aligned<int8_t> q_;
  Aligned<int32_t> q_sum_;
  const size_t scratch_stride_;
  Aligned<uint8_t> scratch_;
  Aligned<int32_t> sums_;
  std::vector<int32_t> ids_;
  size_t live_ = 0;
};

/** All that a kernel computes from a few units, one number after the other. */
std::vector<int32_t> results(const UnitKernel& kernel) {
  constexpr size_t kFew = 48, kTokens = 18;
  ThreadPool one(1);
  Workload work(kernel, kFew, kTokens, 1);
  std::vector<int32_t> all;
  work.set_live(0.7);
  for (size_t n : {size_t{1}, size_t{5}, kTokens})
    for (const bool columns : {false, true}) {
      for (size_t i = 0; i < n; i++)
        work.set_inputs(i, columns ? kFew : kWidth);
      const size_t rows = columns ? rounded_up(kWidth, kernel.column_step(n)) : kFew;
      Aligned<int32_t> out(n * rows);
      work.batch(one, columns, 0, rows, n,
                 [&](size_t begin, size_t) { return std::pair(out.data() + begin, rows); });
      all.insert(all.end(), out.data(), out.data() + n * rows);
    }
  work.accumulate(one, 0);
  all.insert(all.end(), work.sums(), work.sums() + kWidth);
  work.set_inputs(0, kWidth);
  Aligned<int32_t> out(work.live());
  work.dot(one, 0, out.data());
  all.insert(all.end(), out.data(), out.data() + work.live());
  return all;
}

} // namespace

void bench_units(const UnitKernel& kernel, const Options& options, const Machine& machine) {
  const std::string name = std::string("units-") + kernel.family + "-" + kernel.isa;
  if (results(kernel) != results(*usable_unit_kernels(0).front())) {
    fprintf(stderr, "%s differs from scalar.\n", name.c_str());
    exit(1);
  }
  Workload work(kernel, kUnits, options.batches.back(), options.threads.back());
  size_t matrix = 0;
  const auto next = [&] { matrix = (matrix + 1) % work.matrices(); };
  for (const Crew& crew : machine.crews) {
    const auto row = [&](const char* what, double live, size_t n, double macs, double bytes,
                         const Timing& t) {
      Row()
          .text("kernel", name, 22)
          .text("product", what, 10)
          .number("live_percent", 100 * live)
          .number("batch", static_cast<double>(n))
          .number("threads", static_cast<double>(crew.pool->threads()))
          .number("gweights_per_s", macs / 1e9 / t.best, 1)
          .number("median", macs / 1e9 / t.median, 1)
          .number("gb_per_s", bytes / 1e9 / t.best, 1)
          .number("peak_percent", 100 * macs / 1e9 / t.best / crew.gmacs, 0)
          .print();
    };
    for (const double live : {0.2, 0.5, 1.0}) {
      work.set_live(live);
      const double bytes = static_cast<double>(work.live_bytes());
      const double macs = static_cast<double>(work.live() * kWidth);
      work.set_inputs(0, kWidth);
      std::vector<int32_t> out(work.live());
      row("dot", live, 1, macs, bytes, measure([&] {
            work.dot(*crew.pool, matrix, out.data());
            next();
          }));
      work.set_inputs(0, kUnits);
      row("accumulate", live, 1, macs, bytes, measure([&] {
            work.accumulate(*crew.pool, matrix);
            next();
          }));
    }
    for (size_t n : options.batches) {
      if (strcmp(kernel.isa, "scalar") == 0 && n > 4)
        break; // seconds per run
      for (const bool columns : {false, true}) {
        for (size_t i = 0; i < n; i++)
          work.set_inputs(i, columns ? kUnits : kWidth);
        // Some rows for each thread, but all columns: a line of a unit holds several chunks of
        // them.
        const size_t chunk = work.chunk_rows(columns, n);
        const size_t some = std::min(kUnits / chunk * chunk, 2 * chunk * crew.pool->threads());
        const size_t rows = columns ? kWidth : some;
        const size_t summed = columns ? kUnits : kWidth;
        Aligned<int32_t> out(crew.pool->threads() * n * chunk);
        const auto place = [&](size_t, size_t thread) {
          return std::pair(out.data() + thread * n * chunk, chunk);
        };
        row(columns ? "columns" : "rows", 1, n, static_cast<double>(rows * summed * n),
            static_cast<double>(rows * summed * kernel.unit_bytes(kWidth) / kWidth), measure([&] {
              work.batch(*crew.pool, columns, matrix, rows, n, place);
              next();
            }));
      }
    }
  }
}
