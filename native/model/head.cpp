// Full products of the head, and the screened search for its best rows.
#include "head.h"

#include <math.h>

#include <algorithm>

namespace bitnet {
namespace {

// Rows of the head one thread takes at a time.
constexpr size_t kFullRows = 128;
constexpr size_t kScreenRows = 512;

// Above this fraction of the rows the bounds rule out too little: reading all rows in order is
// faster.
constexpr size_t kMostCandidates = 16; // 1/16

// The first failure among threads.
Status first_failure(std::vector<Status>& statuses) {
  for (Status& status : statuses)
    if (!status.ok())
      return std::move(status);
  return {};
}

// RMSNorm of rows of the residual stream into ws.h.
void normalise_rows(const Weights& weights, Workspace& ws, const size_t* rows, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    float* h = ws.h.as<float>() + i * ws.wide_stride;
    weights.kernels.vector->rms_norm(ws.x.as<float>() + rows[i] * ws.dim_stride,
                                     weights.output_norm.data(), weights.spec.dim,
                                     weights.spec.norm_eps, h);
    std::fill(h + weights.spec.dim, h + ws.dim_stride, 0.0f);
  }
}

// Rows [begin, end) of the head times the `n` vectors in ws.h; out: [n, out_stride] from row
// `begin` on.
Status multiply(const RowTable& head, const Workspace& ws, size_t begin, size_t end, size_t n,
                ThreadScratch& scratch, float* out, size_t out_stride) {
  const uint8_t* rows = nullptr;
  Status status = head.fetch(begin, end - begin, scratch.kernel, &rows);
  if (status.ok())
    head.linear.dense->product[head.linear.type]({rows, head.linear.row_bytes,
                                                  pad_to(head.cols(), kFloatPad), ws.h.as<float>(),
                                                  ws.wide_stride, n, out, out_stride},
                                                 0, end - begin);
  return status;
}

// All logits of the vectors in ws.h.
Status full_product(const Weights& weights, Workspace& ws, ThreadPool& pool, size_t n,
                    float* logits) {
  const RowTable& head = weights.head();
  const size_t vocab = head.rows();
  std::vector<Status> statuses(pool.threads());
  pool.parallel((vocab + kFullRows - 1) / kFullRows, [&](size_t chunk, size_t thread) {
    const size_t begin = chunk * kFullRows;
    const size_t end = std::min(vocab, begin + kFullRows);
    Status status = multiply(head, ws, begin, end, n, ws.scratch[thread], logits + begin, vocab);
    if (!status.ok())
      statuses[thread] = std::move(status);
  });
  return first_failure(statuses);
}

// Keeps the `k` best of what it is shown; the worst of them is in front.
class Best {
public:
  explicit Best(size_t k) : k_(k) { heap_.reserve(k + 1); }

  void show(Candidate candidate) {
    if (heap_.size() == k_ && !(candidate < heap_.front()))
      return;
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end());
    if (heap_.size() > k_) {
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
    }
  }
  void show(const Best& other) {
    for (const Candidate& candidate : other.heap_)
      show(candidate);
  }
  bool full() const { return heap_.size() == k_; }
  const Candidate& worst() const { return heap_.front(); }
  std::vector<Candidate> sorted() && {
    std::sort_heap(heap_.begin(), heap_.end());
    return std::move(heap_);
  }

private:
  size_t k_;
  std::vector<Candidate> heap_;
};

Best merged(const std::vector<Best>& parts, size_t k) {
  Best all(k);
  for (const Best& part : parts)
    all.show(part);
  return all;
}

// Upper bounds of all logits into `upper`, and the k-th best lower bound: no row whose upper bound
// is below it can be among the k best. -infinity when there is no such threshold.
float screen(const Shadow& shadow, const ScreenVector& v, size_t vocab, size_t k, ThreadPool& pool,
             float* upper) {
  std::vector<Best> lower(pool.threads(), Best(k));
  pool.parallel(
      (shadow.scale.size() + kScreenRows - 1) / kScreenRows, [&](size_t chunk, size_t thread) {
        const size_t begin = chunk * kScreenRows;
        const size_t end = std::min(shadow.scale.size(), begin + kScreenRows);
        shadow.kernel->product({shadow.packed.data(), shadow.padded_cols, v.high.data(),
                                v.low.data(), v.high_sum, v.low_sum, upper + begin},
                               begin, end);
        float low[kScreenRows];
        const size_t count = std::min(end, vocab) - begin;
        for (size_t i = 0; i < count; ++i) {
          const size_t row = begin + i;
          const float middle = upper[row] * (shadow.scale[row] * v.step);
          const float bound = shadow.error[row] * v.error_factor + shadow.norm[row] * v.norm_factor;
          upper[row] = middle + bound;
          low[i] = middle - bound;
        }
        Best& best = lower[thread];
        for (size_t i = 0; i < count; ++i)
          if (!best.full() || low[i] > best.worst().logit)
            best.show({low[i], static_cast<int32_t>(begin + i)});
      });
  const Best all = merged(lower, k);
  return all.full() ? all.worst().logit : -INFINITY;
}

// Ids whose upper bound reaches `threshold`. Written so that a NaN bound keeps its row.
std::vector<int32_t> candidates(const float* upper, size_t vocab, float threshold) {
  std::vector<int32_t> ids;
  for (size_t row = 0; row < vocab; ++row)
    if (!(upper[row] < threshold))
      ids.push_back(static_cast<int32_t>(row));
  return ids;
}

// Exact logits of single rows for the vector in ws.h.
Status exact_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, const int32_t* ids,
                    size_t count, float* logits) {
  std::vector<Status> statuses(pool.threads());
  pool.parallel(count, [&](size_t i, size_t thread) {
    const size_t row = static_cast<size_t>(ids[i]);
    Status status =
        multiply(weights.head(), ws, row, row + 1, 1, ws.scratch[thread], logits + i, 1);
    if (!status.ok())
      statuses[thread] = std::move(status);
  });
  return first_failure(statuses);
}

} // namespace

bool Candidate::operator<(const Candidate& other) const {
  const bool nan = std::isnan(logit);
  if (nan != std::isnan(other.logit))
    return nan;
  return !nan && logit != other.logit ? logit > other.logit : id < other.id;
}

Status output_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, const size_t* rows,
                     size_t n, float* logits) {
  normalise_rows(weights, ws, rows, n);
  return full_product(weights, ws, pool, n, logits);
}

Status best_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, size_t row, size_t k,
                   const int32_t* also, size_t also_count, std::vector<Candidate>* best,
                   float* also_logits) {
  const size_t vocab = weights.spec.vocab;
  const Shadow& shadow = weights.shadow;
  normalise_rows(weights, ws, &row, 1);
  std::vector<float> logits(
      pad_to(vocab, kScreenRows)); // bounds first, exact logits where they are needed

  ScreenVector v;
  if (!shadow.empty() &&
      screen_vector(ws.h.as<float>(), weights.spec.dim, shadow.padded_cols, &v)) {
    const float threshold = screen(shadow, v, vocab, k, pool, logits.data());
    const std::vector<int32_t> ids = candidates(logits.data(), vocab, threshold);
    if (ids.size() <= vocab / kMostCandidates) {
      std::vector<float> exact(ids.size());
      Status status = exact_logits(weights, ws, pool, ids.data(), ids.size(), exact.data());
      if (status.ok())
        status = exact_logits(weights, ws, pool, also, also_count, also_logits);
      Best found(k);
      for (size_t i = 0; i < ids.size(); ++i)
        found.show({exact[i], ids[i]});
      *best = std::move(found).sorted();
      return status;
    }
  }
  Status status = full_product(weights, ws, pool, 1, logits.data());
  Best found(k);
  for (size_t i = 0; i < vocab; ++i)
    found.show({logits[i], static_cast<int32_t>(i)});
  *best = std::move(found).sorted();
  for (size_t i = 0; i < also_count; ++i)
    also_logits[i] = logits[static_cast<size_t>(also[i])];
  return status;
}

} // namespace bitnet
