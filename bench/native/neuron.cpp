// Neurons: the active ones of a 2B-4T matrix times one token, and all of them times a batch.
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

constexpr size_t kWidth = 2560, kNeurons = 6912;

/** The same for every kernel, and in no order. */
uint32_t scattered(uint32_t value) {
  value = (value ^ value >> 16) * 0x45d9f3b;
  value = (value ^ value >> 16) * 0x45d9f3b;
  return value ^ value >> 16;
}

/** Matrices of row neurons and of column neurons, in a ring that no cache holds, and their inputs. */
class Workload {
public:
  Workload(const NeuronKernel& kernel, size_t neurons, size_t tokens, size_t threads)
      : kernel_(kernel), neurons_(neurons), neuron_(kernel.neuron_bytes(kWidth)),
        matrices_(neurons == kNeurons ? kUncached / (neurons * neuron_) : 1),
        rows_(matrices_ * neurons * neuron_), columns_(matrices_ * neurons * neuron_),
        padded_(rounded_up(kWidth, kernel.block)), stride_(rounded_up(kNeurons, 64)),
        q_(tokens * stride_), q_sum_(tokens),
        scratch_stride_(rounded_up(kernel.scratch_bytes(kWidth), 64)),
        scratch_(threads * scratch_stride_ + 64), sums_(threads * padded_), ids_(neurons) {
    std::vector<uint8_t> codes(padded_ * neurons, 1); // [padded, neurons]
    std::vector<uint8_t> row(padded_, 1);
    for (size_t r = 0; r < kWidth; r++)
      for (size_t neuron = 0; neuron < neurons; neuron++)
        codes[r * neurons + neuron] =
            static_cast<uint8_t>((r * 7 + neuron * neuron + r * neuron) % 3);
    for (size_t r = 0; r < padded_; r += kernel.block)
      kernel.pack_down(&codes[r * neurons], neurons, r, columns_.data(), neuron_);
    for (size_t neuron = 0; neuron < neurons; neuron++) {
      for (size_t k = 0; k < kWidth; k++)
        row[k] = codes[k * neurons + neuron];
      kernel.pack_up(row.data(), kWidth, rows_.data() + neuron * neuron_);
    }
    for (size_t i = 1; i < matrices_; i++) {
      memcpy(rows_.data() + i * neurons * neuron_, rows_.data(), neurons * neuron_);
      memcpy(columns_.data() + i * neurons * neuron_, columns_.data(), neurons * neuron_);
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

  /** Makes this share of the neurons active, in no pattern that a CPU could foresee. */
  void set_active(double share) {
    active_ = 0;
    for (size_t neuron = 0; neuron < neurons_; neuron++)
      if (static_cast<double>(scattered(static_cast<uint32_t>(neuron)) >> 16) < share * 65536)
        ids_[active_++] = static_cast<int32_t>(neuron);
  }

  size_t active_bytes() const { return active_ * neuron_; }
  size_t active() const { return active_; }
  size_t matrices() const { return matrices_; }
  const int32_t* ids() const { return ids_.data(); }
  int32_t* sums() { return sums_.data(); }

  /** out: [active]; neurons are shared out as the engine does. */
  void dot(ThreadPool& pool, size_t matrix, int32_t* out) {
    share(pool, [&](size_t first, size_t count, size_t) {
      kernel_.up_some(rows_.data() + matrix * neurons_ * neuron_, kWidth, ids_.data() + first,
                      count, q_.data(), q_sum_[0], out + first);
    });
  }

  /** Into sums() of each thread. */
  void accumulate(ThreadPool& pool, size_t matrix) {
    share(pool, [&](size_t first, size_t count, size_t thread) {
      kernel_.down_some(columns_.data() + matrix * neurons_ * neuron_, kWidth, ids_.data() + first,
                        count, q_.data(), sums_.data() + thread * padded_);
    });
  }

  /** Rows a thread takes at a time. */
  size_t chunk_rows(bool columns, size_t n) const {
    return rounded_up(n < 64 ? 128 : 64, columns ? kernel_.down_step(n) : 16);
  }

  /**
   * Rows [0, rows) of a matrix whose neurons are rows, or columns; place(begin, thread) is where
   * the sums of the chunk at `begin` go: out, and its distance from token to token.
   */
  template <class Place>
  void batch(ThreadPool& pool, bool columns, size_t matrix, size_t rows, size_t n, Place place) {
    const size_t chunk = chunk_rows(columns, n);
    const uint8_t* neurons = (columns ? columns_ : rows_).data() + matrix * neurons_ * neuron_;
    pool.parallel((rows + chunk - 1) / chunk, [&](size_t i, size_t thread) {
      const size_t begin = i * chunk, end = std::min(rows, begin + chunk);
      const auto [out, out_stride] = place(begin, thread);
      (columns ? kernel_.down_all
               : kernel_.up_all)({.neurons = neurons,
                                  .neuron_bytes = neuron_,
                                  .width = kWidth,
                                  .count = neurons_,
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
    const size_t most = std::min<size_t>(512, rounded_up(active_ / (2 * pool.threads()) + 1, 64));
    pool.parallel((active_ + most - 1) / most, [&](size_t chunk, size_t thread) {
      use(chunk * most, std::min(most, active_ - chunk * most), thread);
    });
  }

  const NeuronKernel& kernel_;
  const size_t neurons_, neuron_, matrices_;
  Aligned<uint8_t> rows_, columns_;
  const size_t padded_, stride_;
  Aligned<int8_t> q_;
  Aligned<int32_t> q_sum_;
  const size_t scratch_stride_;
  Aligned<uint8_t> scratch_;
  Aligned<int32_t> sums_;
  std::vector<int32_t> ids_;
  size_t active_ = 0;
};

/** All that a kernel computes from a few neurons, one number after the other. */
std::vector<int32_t> results(const NeuronKernel& kernel) {
  constexpr size_t kFew = 48, kTokens = 18;
  ThreadPool one(1);
  Workload work(kernel, kFew, kTokens, 1);
  std::vector<int32_t> all;
  work.set_active(0.7);
  for (size_t n : {size_t{1}, size_t{5}, kTokens})
    for (const bool columns : {false, true}) {
      for (size_t i = 0; i < n; i++)
        work.set_inputs(i, columns ? kFew : kWidth);
      const size_t rows = columns ? rounded_up(kWidth, kernel.down_step(n)) : kFew;
      Aligned<int32_t> out(n * rows);
      work.batch(one, columns, 0, rows, n,
                 [&](size_t begin, size_t) { return std::pair(out.data() + begin, rows); });
      all.insert(all.end(), out.data(), out.data() + n * rows);
    }
  work.accumulate(one, 0);
  all.insert(all.end(), work.sums(), work.sums() + kWidth);
  work.set_inputs(0, kWidth);
  Aligned<int32_t> out(work.active());
  work.dot(one, 0, out.data());
  all.insert(all.end(), out.data(), out.data() + work.active());
  return all;
}

} // namespace

void bench_neurons(const NeuronKernel& kernel, const Options& options, const Machine& machine) {
  const std::string name = std::string("neuron-") + kernel.family + "-" + kernel.isa;
  if (results(kernel) != results(*usable_neuron_kernels(0).front())) {
    fprintf(stderr, "%s differs from scalar.\n", name.c_str());
    exit(1);
  }
  Workload work(kernel, kNeurons, options.batches.back(), options.threads.back());
  size_t matrix = 0;
  const auto next = [&] { matrix = (matrix + 1) % work.matrices(); };
  for (const Crew& crew : machine.crews) {
    const auto row = [&](const char* what, double active, size_t n, double macs, double bytes,
                         const Timing& t) {
      Row()
          .text("kernel", name, 22)
          .text("product", what, 10)
          .number("active_percent", 100 * active)
          .number("batch", static_cast<double>(n))
          .number("threads", static_cast<double>(crew.pool->threads()))
          .number("gweights_per_s", macs / 1e9 / t.best, 1)
          .number("median", macs / 1e9 / t.median, 1)
          .number("gb_per_s", bytes / 1e9 / t.best, 1)
          .number("peak_percent", 100 * macs / 1e9 / t.best / crew.gmacs, 0)
          .print();
    };
    for (const double active : {0.2, 0.5, 1.0}) {
      work.set_active(active);
      const double bytes = static_cast<double>(work.active_bytes());
      const double macs = static_cast<double>(work.active() * kWidth);
      work.set_inputs(0, kWidth);
      std::vector<int32_t> out(work.active());
      row("dot", active, 1, macs, bytes, measure([&] {
            work.dot(*crew.pool, matrix, out.data());
            next();
          }));
      work.set_inputs(0, kNeurons);
      row("accumulate", active, 1, macs, bytes, measure([&] {
            work.accumulate(*crew.pool, matrix);
            next();
          }));
    }
    for (size_t n : options.batches) {
      if (strcmp(kernel.isa, "scalar") == 0 && n > 4)
        break; // seconds per run
      for (const bool columns : {false, true}) {
        for (size_t i = 0; i < n; i++)
          work.set_inputs(i, columns ? kNeurons : kWidth);
        // Some rows for each thread, but all columns: a line of a neuron holds several chunks of
        // them.
        const size_t chunk = work.chunk_rows(columns, n);
        const size_t some = std::min(kNeurons / chunk * chunk, 2 * chunk * crew.pool->threads());
        const size_t rows = columns ? kWidth : some;
        const size_t summed = columns ? kNeurons : kWidth;
        Aligned<int32_t> out(crew.pool->threads() * n * chunk);
        const auto place = [&](size_t, size_t thread) {
          return std::pair(out.data() + thread * n * chunk, chunk);
        };
        row(columns ? "columns" : "rows", 1, n, static_cast<double>(rows * summed * n),
            static_cast<double>(rows * summed * kernel.neuron_bytes(kWidth) / kWidth), measure([&] {
              work.batch(*crew.pool, columns, matrix, rows, n, place);
              next();
            }));
      }
    }
  }
}
