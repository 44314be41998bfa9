// The screened search for the best rows of the head.
//
// Every row has a lower and an upper bound of its logit (shadow.h). With T the worst of any k exact
// logits, a row whose upper bound is below T is worse than k rows: it cannot be among the k best.
// (A row that ties with T has an upper bound of at least T, and stays.) So whichever rows give T,
// the answer is exact; the closer T is to the k-th best logit, the fewer rows are left. The k rows
// with the best lower bounds are a good choice:
//
//   logit  ------[====x====]--------[==x======]---[=====x===]-->   x exact, [ ] bounds
//                          ^ ruled out: ends before T       the k best lower bounds
//                                      T: the worst of their exact logits
//
// They are multiplied first, then what T leaves. Where logits are soft-capped, exact ones are so at
// once, and T stands for the smallest raw logit that reaches it, so that rows which tie after the
// cap stay too.
#include <math.h>

#include <algorithm>
#include <numeric>

#include "head_product.h"
#include "soft_cap.h"

namespace bitnet {
namespace {

// Rows of the head one thread takes at a time.
constexpr size_t kScreenRows = 512;
constexpr size_t kExactRows = 8;

// Above this fraction of the rows the bounds rule out too little: reading all rows in order is
// faster.
constexpr size_t kMostCandidates = 16; // 1/16

// A logit and its id.
struct Candidate {
  float logit;
  int32_t id;

  // Best first, as BestRow says; NaN before every number, so that it is seen and not passed over.
  bool operator<(const Candidate& other) const {
    const bool nan = std::isnan(logit);
    if (nan != std::isnan(other.logit))
      return nan;
    return !nan && logit != other.logit ? logit > other.logit : id < other.id;
  }
};

// Keeps the `k` best of what it is shown, in memory it has from the start; the worst of them is in
// front.
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
  std::vector<int32_t> ids() const { // in their order
    std::vector<int32_t> ids;
    for (const Candidate& candidate : heap_)
      ids.push_back(candidate.id);
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  void take(const BestRow& row) && {
    std::sort_heap(heap_.begin(), heap_.end());
    for (size_t i = 0; i < heap_.size(); ++i) {
      row.ids[i] = heap_[i].id;
      row.logits[i] = heap_[i].logit;
    }
  }

private:
  size_t k_;
  std::vector<Candidate> heap_;
};

// Vectors on their way through the screen; vector i stands in row vectors[i].h of ws.h.
struct Screen {
  struct Vector {
    const BestRow* row;
    size_t h;
    ScreenVector v;
    std::vector<int32_t> ids; // rows of the head to multiply; none where they would be too many
    std::vector<float> exact; // their logits, as far as they are known

    // T, of the known logits: the smallest number, NaN where there is none.
    float worst() const { return std::accumulate(exact.begin(), exact.end(), NAN, fminf); }

    // The best of the known logits.
    Best best() const {
      Best best(row->k);
      for (size_t i = 0; i < exact.size(); ++i)
        best.show({exact[i], ids[i]});
      return best;
    }
  };
  std::vector<Vector> vectors;
  std::vector<int8_t> high, low;          // [n, padded_cols]
  std::vector<int32_t> high_sum, low_sum; // [n]
  float* upper = nullptr;                 // [n, stride] upper bounds of all logits
  size_t stride = 0;
};

// Bounds of all logits: upper ones into screen.upper, and the rows with the k best lower ones into
// the vectors' ids.
void bound_logits(const Shadow& shadow, size_t vocab, ThreadPool& pool, Screen& screen) {
  const size_t n = screen.vectors.size();
  std::vector<Best> lower; // [threads, n]
  lower.reserve(pool.threads() * n);
  for (size_t i = 0; i < pool.threads() * n; ++i)
    lower.emplace_back(screen.vectors[i % n].row->k);
  pool.parallel((vocab + kScreenRows - 1) / kScreenRows, [&](size_t chunk, size_t thread) {
    const size_t begin = chunk * kScreenRows;
    const size_t end = std::min(shadow.scale.size(), begin + kScreenRows);
    const size_t count = std::min(end, vocab) - begin;
    shadow.kernel->product({shadow.packed.data(), shadow.padded_cols, screen.high.data(),
                            screen.low.data(), screen.high_sum.data(), screen.low_sum.data(), n,
                            screen.upper + begin, screen.stride},
                           begin, end);
    for (size_t i = 0; i < n; ++i) {
      const ScreenVector& v = screen.vectors[i].v;
      float* upper = screen.upper + i * screen.stride + begin;
      float low[kScreenRows];
      for (size_t r = 0; r < count; ++r) {
        const size_t row = begin + r;
        const float middle = upper[r] * (shadow.scale[row] * v.step);
        const float bound = shadow.error[row] * v.error_factor + shadow.norm[row] * v.norm_factor;
        upper[r] = middle + bound;
        low[r] = middle - bound;
      }
      Best& best = lower[thread * n + i];
      for (size_t r = 0; r < count; ++r)
        if (!best.full() || low[r] > best.worst().logit)
          best.show({low[r], static_cast<int32_t>(begin + r)});
    }
  });
  for (size_t i = 0; i < n; ++i) {
    Best all(screen.vectors[i].row->k);
    for (size_t thread = 0; thread < pool.threads(); ++thread)
      all.show(lower[thread * n + i]);
    screen.vectors[i].ids = all.ids();
  }
}

// Adds the rows that T leaves to the ids of each vector, whose own are all known; or takes all ids
// away where they would be too many. Makes room for the most there may be first: a thread that runs
// out of memory would end the process.
void add_candidates(size_t vocab, float softcapping, ThreadPool& pool, Screen& screen) {
  const size_t most = vocab / kMostCandidates;
  for (Screen::Vector& vector : screen.vectors)
    vector.ids.reserve(vector.ids.size() + most);
  pool.parallel(screen.vectors.size(), [&](size_t i, size_t) {
    Screen::Vector& vector = screen.vectors[i];
    const float* upper = screen.upper + i * screen.stride;
    const float t = soft_cap_reaches(softcapping, vector.worst()); // bounds are of raw logits
    // Written so that a NaN keeps rows.
    const auto may_be = [&](size_t row) { return !(upper[row] < t); };
    size_t count = 0;
    for (size_t row = 0; row < vocab; ++row)
      count += may_be(row);
    if (count > most)
      return vector.ids.clear();
    size_t known = 0;
    const size_t known_count = vector.ids.size();
    for (size_t row = 0; row < vocab && count > 0; ++row) {
      if (!may_be(row))
        continue;
      --count;
      const int32_t id = static_cast<int32_t>(row);
      while (known < known_count && vector.ids[known] < id)
        ++known;
      if (known == known_count || vector.ids[known] != id)
        vector.ids.push_back(id);
    }
  });
}

// A run of single rows of the head times one vector of ws.h.
struct ExactRun {
  size_t h;
  const int32_t* ids;
  size_t count;
  float* logits;
};

void add_runs(std::vector<ExactRun>& runs, size_t h, const int32_t* ids, size_t count,
              float* logits) {
  for (size_t first = 0; first < count; first += kExactRows)
    runs.push_back({h, ids + first, std::min(kExactRows, count - first), logits + first});
}

// The logits of those ids of each vector that have none yet; the first time, when none has, those
// of `also` besides.
Status exact_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, Screen& screen) {
  std::vector<ExactRun> runs;
  for (Screen::Vector& vector : screen.vectors) {
    if (vector.ids.empty())
      continue;
    const BestRow& row = *vector.row;
    const size_t known = vector.exact.size();
    vector.exact.resize(vector.ids.size());
    add_runs(runs, vector.h, vector.ids.data() + known, vector.ids.size() - known,
             vector.exact.data() + known);
    if (known == 0)
      add_runs(runs, vector.h, row.also, row.also_count, row.also_logits);
  }
  std::vector<Status> statuses(pool.threads());
  pool.parallel(runs.size(), [&](size_t index, size_t thread) {
    const ExactRun& run = runs[index];
    for (size_t i = 0; i < run.count; ++i) {
      const size_t row = static_cast<size_t>(run.ids[i]);
      Status status =
          head_rows(weights, ws, row, row + 1, run.h, 1, ws.scratch[thread], run.logits + i, 1);
      if (!status.ok())
        statuses[thread] = std::move(status);
    }
    soft_cap(weights.spec.logit_softcapping, run.logits, run.count);
  });
  return first_failure(statuses);
}

// Whether the best logits are numbers: the first of them would be one that is not.
bool sound(const BestRow& row) {
  return all_logits(row.logits, row.k) && row.logits[0] > -INFINITY;
}

// Answers the rows that the screen can, and adds the others to `rest`.
Status screened(const Weights& weights, Workspace& ws, ThreadPool& pool, const BestRow* rows,
                size_t n, std::vector<const BestRow*>& rest) {
  const Shadow& shadow = weights.shadow;
  const size_t vocab = weights.spec.vocab;
  Screen screen;
  screen.high.resize(n * shadow.padded_cols);
  screen.low.resize(n * shadow.padded_cols);
  for (size_t h = 0; h < n; ++h) {
    if (rows[h].log_sum_exp || rows[h].k > vocab / kMostCandidates) {
      rest.push_back(&rows[h]);
      continue;
    }
    normalise_row(weights, ws, rows[h].row, h);
    const size_t at = screen.vectors.size() * shadow.padded_cols;
    Screen::Vector vector = {&rows[h], h, {}, {}, {}};
    if (!screen_vector(ws.h.as<float>() + h * ws.wide_stride, weights.spec.dim, shadow.padded_cols,
                       screen.high.data() + at, screen.low.data() + at, &vector.v)) {
      rest.push_back(&rows[h]);
      continue;
    }
    screen.high_sum.push_back(vector.v.high_sum);
    screen.low_sum.push_back(vector.v.low_sum);
    screen.vectors.push_back(std::move(vector));
  }
  if (screen.vectors.empty())
    return {};
  screen.stride = pad_to(vocab, kScreenRows);
  if (!ws.bounds.ensure(screen.vectors.size() * screen.stride * sizeof(float)))
    return Status::error(Code::kMemory, "Not enough memory for the bounds of the logits.");
  screen.upper = ws.bounds.as<float>();
  bound_logits(shadow, vocab, pool, screen);
  Status status = exact_logits(weights, ws, pool, screen);
  if (!status.ok())
    return status;
  add_candidates(vocab, weights.spec.logit_softcapping, pool, screen);
  status = exact_logits(weights, ws, pool, screen);
  for (const Screen::Vector& vector : screen.vectors) {
    if (vector.ids.empty()) {
      rest.push_back(vector.row);
      continue;
    }
    vector.best().take(*vector.row);
    if (!sound(*vector.row))
      return not_numbers();
    ++ws.head_counts.screened;
    ws.head_counts.candidates += vector.ids.size();
  }
  return status;
}

// Answers rows from all their logits.
Status unscreened(const Weights& weights, Workspace& ws, ThreadPool& pool,
                  const std::vector<const BestRow*>& rows) {
  const size_t vocab = weights.spec.vocab;
  std::vector<float> logits(rows.size() * vocab);
  std::vector<LogitsRow> full;
  std::vector<Best> best;
  for (const BestRow* row : rows) {
    full.push_back({row->row, logits.data() + full.size() * vocab});
    best.emplace_back(row->k);
  }
  Status status = output_logits(weights, ws, pool, full.data(), full.size());
  if (!status.ok())
    return status;
  pool.parallel(rows.size(), [&](size_t i, size_t) {
    const BestRow& row = *rows[i];
    const float* of_row = full[i].logits;
    for (size_t id = 0; id < vocab; ++id)
      best[i].show({of_row[id], static_cast<int32_t>(id)});
    std::move(best[i]).take(row);
    for (size_t j = 0; j < row.also_count; ++j)
      row.also_logits[j] = of_row[static_cast<size_t>(row.also[j])];
    if (row.log_sum_exp)
      *row.log_sum_exp = log_sum_exp(of_row, vocab);
  });
  for (const BestRow* row : rows)
    if (!sound(*row))
      return not_numbers();
  return {};
}

} // namespace

Status best_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, const BestRow* rows,
                   size_t n) {
  const size_t together = head_vectors(weights.spec.vocab);
  for (size_t first = 0; first < n; first += together) {
    const size_t count = std::min(together, n - first);
    std::vector<const BestRow*> rest;
    Status status;
    if (!weights.shadow.empty())
      status = screened(weights, ws, pool, rows + first, count, rest);
    else
      for (size_t i = 0; i < count; ++i)
        rest.push_back(rows + first + i);
    if (status.ok())
      status = unscreened(weights, ws, pool, rest);
    if (!status.ok())
      return status;
  }
  return {};
}

} // namespace bitnet
