// Candidates take turns, so that whatever else happens on the machine hits them alike.
#include "autotune.h"

#include <string.h>

#include <algorithm>
#include <new>
#include <random>

#include "../graph/linear.h"

namespace bitnet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBatch = 64;
// A batch computes long on few weights: so many are enough.
constexpr size_t kBatchWeights = size_t{8} << 20;

// Best of at most so many passes. One pass says little on a busy machine: a few are made whatever
// time they take.
constexpr int kPasses = 15, kFewestPasses = 3;
constexpr int kBatchPasses = 3;

// What a candidate must be faster by to be preferred to an earlier one: more than the noise of a
// busy machine, so that the choice does not depend on the moment.
constexpr double kMargin = 1.05;

// Random activations for the widest shape.
struct Inputs {
  AlignedBuffer q;     // int8 [kBatch, stride]
  AlignedBuffer q_sum; // int32 [kBatch]
  AlignedBuffer step;  // float [kBatch]

  bool fill(size_t cols, std::mt19937& random) {
    const size_t stride = pad_to(cols, kInt8Pad);
    if (!q.ensure(kBatch * stride) || !q_sum.ensure(kBatch * sizeof(int32_t)) ||
        !step.ensure(kBatch * sizeof(float)))
      return false;
    memset(q.data(), 0, kBatch * stride);
    for (size_t i = 0; i < kBatch; ++i) {
      int8_t* row = q.as<int8_t>(i * stride);
      int32_t sum = 0;
      for (size_t k = 0; k < cols; ++k) {
        row[k] = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
        sum += row[k];
      }
      q_sum.as<int32_t>()[i] = sum;
      step.as<float>()[i] = 1.0f;
    }
    return true;
  }
};

// What passes write to, for all candidates.
struct Outputs {
  AlignedBuffer values; // float [n, rows]
  std::vector<ThreadScratch> scratch;
};

// One candidate with as many matrices of one shape as a slice holds.
struct Trial {
  Linear w;
  size_t rows = 0; // of each matrix; those of `w` are the ones of a pass
  size_t matrices = 0;
  size_t matrix_bytes = 0;
  AlignedBuffer slice;
  double token = 0, batch = 0; // seconds of the best pass; 0 before the first

  // Copies of one random tile: how long a product takes does not depend on the weights.
  bool prepare(const TernaryKernel& kernel, const MatrixShape& shape, size_t slice_bytes,
               ThreadPool& pool, std::mt19937& random) {
    w.scale = 1.0f;
    w.cols = static_cast<size_t>(shape.cols);
    const size_t padded_cols = pad_to(w.cols, kernel.tile_cols);
    w.layout = TernaryTiles{.kernel = &kernel, .padded_cols = padded_cols};
    const size_t tile_bytes = kernel.tile_bytes(padded_cols);
    const size_t most_tiles = std::max<size_t>(1, slice_bytes / tile_bytes);
    rows = std::min(static_cast<size_t>(shape.rows), most_tiles * kernel.tile_rows);
    const size_t tiles = pad_to(rows, kernel.tile_rows) / kernel.tile_rows;
    matrices = std::max<size_t>(1, most_tiles / tiles);
    matrix_bytes = tiles * tile_bytes;
    token = batch = 0;

    std::vector<uint8_t> codes(kernel.tile_rows * padded_cols, 1);
    for (size_t r = 0; r < kernel.tile_rows; ++r)
      for (size_t k = 0; k < w.cols; ++k)
        codes[r * padded_cols + k] = static_cast<uint8_t>(random() % 3);
    AlignedBuffer tile;
    const size_t bytes = matrices * matrix_bytes;
    if (!tile.allocate(tile_bytes) ||
        (slice.size() < bytes && !slice.allocate(bytes, AlignedBuffer::Pages::kHuge)))
      return false;
    kernel.pack_tile(codes.data(), padded_cols, tile.data());
    pool.parallel(matrices * tiles, [&](size_t i, size_t) {
      memcpy(slice.data() + i * tile_bytes, tile.data(), tile_bytes);
    });
    return true;
  }

  // Seconds of a product of the first `some_rows` rows of `count` matrices with `n` tokens; 0
  // without memory.
  double pass(size_t count, size_t some_rows, size_t n, const Inputs& in,
              const VectorKernel& vector, ThreadPool& pool, Outputs& outputs) {
    if (!outputs.values.ensure(n * some_rows * sizeof(float)))
      return 0;
    const Activations a{.x = {.rows = n, .cols = w.cols},
                        .q = {.data = in.q.as<int8_t>(),
                              .rows = n,
                              .cols = w.cols,
                              .stride = pad_to(w.cols, kInt8Pad)},
                        .q_sum = in.q_sum.as<int32_t>(),
                        .q_sums = {},
                        .q_step = in.step.as<float>()};
    const Mat out = packed(outputs.values.as<float>(), n, some_rows);
    w.rows = some_rows;
    const size_t chunk_rows = w.chunk_rows(pool.threads(), n);
    for (ThreadScratch& scratch : outputs.scratch)
      if (!scratch.ensure(linear_scratch(w, chunk_rows, n)))
        return 0;
    const auto begin = Clock::now();
    for (size_t i = 0; i < count; ++i) {
      w.data = AlignedBuffer::view(slice.data() + i * matrix_bytes, matrix_bytes);
      pool.parallel((some_rows + chunk_rows - 1) / chunk_rows, [&](size_t chunk, size_t thread) {
        const RowRange range = {chunk * chunk_rows, std::min(some_rows, (chunk + 1) * chunk_rows)};
        linear_rows(w, vector, a, range, out.columns(range.begin, range.size()),
                    outputs.scratch[thread]);
      });
    }
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    return seconds.count();
  }
};

// Keeps the shorter of two times; false for a failed pass.
bool keep_best(double seconds, double* best) {
  if (seconds > 0 && (*best == 0 || seconds < *best))
    *best = seconds;
  return seconds > 0;
}

class Contest {
public:
  Contest(const std::vector<const TernaryKernel*>& candidates, const VectorKernel& vector,
          ThreadPool& pool, const Abort& abort, size_t weights_bytes)
      : candidates_(candidates), trials_(candidates.size()), vector_(vector), pool_(pool),
        abort_(abort), slice_bytes_(weights_bytes / candidates.size()) {
    outputs_.scratch.resize(pool.threads());
  }

  // False when it could not be decided: without memory, or when it is aborted.
  bool decide(const MatrixShape& shape, Clock::time_point end, ShapeTiming* result) {
    if (!inputs_.fill(static_cast<size_t>(shape.cols), random_))
      return false;
    for (size_t i = 0; i < trials_.size(); ++i)
      if (abort_.raised() ||
          !trials_[i].prepare(*candidates_[i], shape, slice_bytes_, pool_, random_))
        return false;
    for (int pass = 0; pass < kPasses && !(pass >= kFewestPasses && over(end)); ++pass)
      for (Trial& trial : trials_)
        if (abort_.raised() ||
            !keep_best(trial.pass(trial.matrices, trial.rows, 1, inputs_, vector_, pool_, outputs_),
                       &trial.token))
          return false;
    std::vector<double> token_rates;
    for (const Trial& trial : trials_)
      token_rates.push_back(rate(trial.matrices * trial.rows, shape, trial.token));
    const double fastest = *std::max_element(token_rates.begin(), token_rates.end());
    std::vector<size_t> near; // in order of preference
    for (size_t i = 0; i < trials_.size(); ++i)
      if (token_rates[i] * kMargin >= fastest)
        near.push_back(i);

    size_t batch_rows = std::max<size_t>(1, kBatchWeights / static_cast<size_t>(shape.cols));
    for (const Trial& trial : trials_)
      batch_rows = std::min(batch_rows, trial.rows);
    for (int pass = 0; pass < kBatchPasses && near.size() > 1 && !(pass > 0 && over(end)); ++pass)
      for (size_t i : near)
        if (abort_.raised() ||
            !keep_best(trials_[i].pass(1, batch_rows, kBatch, inputs_, vector_, pool_, outputs_),
                       &trials_[i].batch))
          return false;

    result->shape = shape;
    result->timings.clear();
    for (size_t i = 0; i < trials_.size(); ++i)
      result->timings.push_back({.kernel = candidates_[i],
                                 .token = token_rates[i],
                                 .batch = rate(batch_rows * kBatch, shape, trials_[i].batch)});
    size_t best = near[0];
    for (size_t i : near)
      if (result->timings[i].batch > result->timings[best].batch * kMargin)
        best = i;
    result->best = candidates_[best];
    return true;
  }

  bool over(Clock::time_point end) const { return abort_.raised() || Clock::now() >= end; }

private:
  // 10^9 products of a weight and a token per second.
  static double rate(size_t rows, const MatrixShape& shape, double seconds) {
    const double products = static_cast<double>(rows) * static_cast<double>(shape.cols);
    return seconds > 0 ? products / seconds / 1e9 : 0;
  }

  const std::vector<const TernaryKernel*>& candidates_;
  std::vector<Trial> trials_;
  const VectorKernel& vector_;
  ThreadPool& pool_;
  const Abort& abort_;
  size_t slice_bytes_;
  Inputs inputs_;
  Outputs outputs_;
  std::mt19937 random_{1};
};

} // namespace

std::vector<ShapeTiming> time_kernels(const std::vector<MatrixShape>& shapes,
                                      const std::vector<const TernaryKernel*>& candidates,
                                      const VectorKernel& vector, ThreadPool& pool,
                                      Clock::duration budget, const Abort& abort,
                                      size_t weights_bytes) {
  std::vector<ShapeTiming> results;
  if (candidates.empty())
    return results;
  const Clock::time_point end = Clock::now() + budget;
  try {
    Contest contest(candidates, vector, pool, abort, weights_bytes);
    for (size_t i = 0; i < shapes.size() && !abort.raised(); ++i) {
      const Clock::time_point now = Clock::now();
      const auto share = (end - now) / static_cast<int64_t>(shapes.size() - i); // perhaps none
      ShapeTiming result;
      if (contest.decide(shapes[i], now + share, &result))
        results.push_back(std::move(result));
    }
  } catch (const std::bad_alloc&) { // as where an AlignedBuffer gets no memory
  }
  // Passes may have been cut short, or hindered by what raised it.
  if (abort.raised())
    results.clear();
  return results;
}

} // namespace bitnet
