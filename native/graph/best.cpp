// The prefiltered search for the best rows of the head.
//
// Every row has a lower and an upper bound of its logit (head_copy.h). With T the worst of any k
// exact logits, a row whose upper bound is below T is worse than k rows: it cannot be among the k
// best. (A row that ties with T has an upper bound of at least T, and stays.) So whichever rows
// give T, the answer is exact; the closer T is to the k-th best logit, the fewer rows are left. The
// k rows with the best lower bounds are a good choice:
//
//   logit  ------[====x====]--------[==x======]---[=====x===]-->   x exact, [ ] bounds
//                          ^ ruled out: ends before T       the k best lower bounds
//                                      T: the worst of their exact logits
//
// They are multiplied first, then what T leaves. Where logits are soft-capped, exact ones are so at
// once, and T stands for the smallest raw logit that reaches it, so that rows which tie after the
// cap stay too.
#include <algorithm>
#include <span>

#include "head_product.h"
#include "soft_cap.h"

namespace bitnet {
namespace {

// What each thread found of the i-th vector on its way: at its place, which has room for its k.
std::span<Best> lower_of(Workspace& ws, size_t i) {
  const size_t threads = ws.scratch.size();
  const size_t place = static_cast<size_t>(ws.head.prefiltered[i] - ws.head.vectors.data());
  return {ws.head.lower.data() + place * threads, threads};
}

void take(const std::vector<Candidate>& best, const BestRow& row) {
  for (size_t i = 0; i < best.size(); ++i) {
    row.ids[i] = best[i].id;
    row.logits[i] = best[i].logit;
  }
  std::fill(row.ids + best.size(), row.ids + row.k, -1); // as many as are allowed
  std::fill(row.logits + best.size(), row.logits + row.k, -INFINITY);
}

// Bounds of all logits: upper ones where the logits will be, and the rows with the k best lower ones
// into the vectors' ids.
void bound_logits(const Weights& weights, Workspace& ws, ThreadPool& pool) {
  const HeadCopy& head_copy = weights.head_copy;
  HeadScratch& head = ws.head;
  const size_t vocab_size = weights.spec.vocab_size, n = head.prefiltered.size();
  for (size_t i = 0; i < n; ++i)
    for (Best& best : lower_of(ws, i))
      best.begin(head.prefiltered[i]->row->k);
  pool.parallel((vocab_size + kPrefilterRows - 1) / kPrefilterRows,
                [&](size_t chunk, size_t thread) {
                  const size_t begin = chunk * kPrefilterRows;
                  const size_t end = std::min(head_copy.scale.size(), begin + kPrefilterRows);
                  const size_t count = std::min(end, vocab_size) - begin;
                  head_copy.kernel->product({.packed = head_copy.packed.data(),
                                             .cols = head_copy.padded_cols,
                                             .high = head.high.as<int8_t>(),
                                             .low = head.low.as<int8_t>(),
                                             .high_sum = head.high_sum.data(),
                                             .low_sum = head.low_sum.data(),
                                             .n = n,
                                             .out = logits_row(ws, 0) + begin,
                                             .out_stride = head.logits_stride},
                                            begin, end);
                  for (size_t i = 0; i < n; ++i) {
                    const PrefilterVector& v = head.prefiltered[i]->v;
                    float* upper = logits_row(ws, i) + begin;
                    float low[kPrefilterRows];
                    for (size_t r = 0; r < count; ++r) {
                      const size_t row = begin + r;
                      const float middle = upper[r] * (head_copy.scale[row] * v.step);
                      const float bound = head_copy.error[row] * v.error_factor +
                                          head_copy.norm[row] * v.norm_factor;
                      upper[r] = middle + bound;
                      low[r] = middle - bound;
                    }
                    const BestRow& asked = *head.prefiltered[i]->row;
                    Best& best = lower_of(ws, i)[thread];
                    for (size_t r = 0; r < count; ++r)
                      if ((!best.full() || low[r] > best.worst().logit) && asked.allows(begin + r))
                        best.show({low[r], static_cast<int32_t>(begin + r)});
                  }
                });
  for (size_t i = 0; i < n; ++i) {
    PrefilteredVector& vector = *head.prefiltered[i];
    const std::span<Best> lower = lower_of(ws, i);
    Best& all = lower.front();
    for (const Best& other : lower.subspan(1))
      all.show(other);
    for (const Candidate& candidate : all.sorted())
      vector.ids.push_back(candidate.id);
    std::sort(vector.ids.begin(), vector.ids.end());
  }
}

// Adds the rows that T leaves to the ids of each vector, whose own are all known; or takes all ids
// away where they would be too many.
void add_candidates(const Weights& weights, Workspace& ws, ThreadPool& pool) {
  const size_t vocab_size = weights.spec.vocab_size, most = vocab_size / kMostCandidates;
  pool.parallel(ws.head.prefiltered.size(), [&](size_t i, size_t) {
    PrefilteredVector& vector = *ws.head.prefiltered[i];
    const float* upper = logits_row(ws, i);
    // Bounds are of raw logits.
    const float t = soft_cap_reaches(weights.spec.logit_softcapping, vector.worst());
    // Written so that a NaN keeps rows.
    const auto may_be = [&](size_t row) { return !(upper[row] < t) && vector.row->allows(row); };
    size_t count = 0;
    for (size_t row = 0; row < vocab_size; ++row)
      count += may_be(row);
    if (count > most)
      return vector.ids.clear();
    size_t known = 0;
    const size_t known_count = vector.ids.size();
    for (size_t row = 0; row < vocab_size && count > 0; ++row) {
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

void add_runs(std::vector<ExactRun>& runs, size_t h, const int32_t* ids, size_t count,
              float* logits) {
  for (size_t first = 0; first < count; first += kExactRows)
    runs.push_back({h, ids + first, std::min(kExactRows, count - first), logits + first});
}

// The logits of those ids of each vector that have none yet; the first time, when none has, those
// of `also` besides.
Status exact_logits(const Weights& weights, Workspace& ws, ThreadPool& pool) {
  std::vector<ExactRun>& runs = ws.head.runs;
  runs.clear();
  for (PrefilteredVector* vector : ws.head.prefiltered) {
    if (vector->ids.empty())
      continue;
    const BestRow& row = *vector->row;
    const size_t known = vector->exact.size();
    vector->exact.resize(vector->ids.size());
    add_runs(runs, vector->h, vector->ids.data() + known, vector->ids.size() - known,
             vector->exact.data() + known);
    if (known == 0)
      add_runs(runs, vector->h, row.extra_ids, row.extra_count, row.extra_logits);
  }
  clear_failures(ws);
  pool.parallel(runs.size(), [&](size_t index, size_t thread) {
    const ExactRun& run = runs[index];
    for (size_t i = 0; i < run.count; ++i) {
      const size_t row = static_cast<size_t>(run.ids[i]);
      Status status = head_rows(weights, ws, {row, row + 1}, run.h, 1, ws.scratch[thread],
                                packed(run.logits + i, 1, 1));
      if (!status.ok())
        ws.head.statuses[thread] = std::move(status);
    }
    soft_cap(weights.spec.logit_softcapping, run.logits, run.count);
  });
  return first_failure(ws);
}

// Whether the best logits are numbers: the first of them would be one that is not.
bool sound(const BestRow& row) {
  return all_logits(row.logits, row.k) && row.logits[0] > -INFINITY;
}

// Lets those of the group's rows that can go through the prefilter begin, and adds the others to
// ws.head.rest.
void begin_prefilter(const Weights& weights, Workspace& ws, const BestRow* rows, size_t n) {
  HeadScratch& head = ws.head;
  const size_t padded_cols = weights.head_copy.padded_cols;
  for (size_t i = 0; i < n; ++i) {
    PrefilteredVector& vector = head.vectors[i];
    const size_t at = head.prefiltered.size() * padded_cols;
    if (may_prefilter(weights, rows[i])) {
      normalize_row(weights, ws, rows[i].row, i);
      if (prefilter_vector(ws.h.row(i), weights.spec.dim, padded_cols, head.high.as<int8_t>(at),
                           head.low.as<int8_t>(at), &vector.v)) {
        vector.row = &rows[i];
        vector.h = i;
        vector.ids.clear();
        vector.exact.clear();
        head.high_sum.push_back(vector.v.high_sum);
        head.low_sum.push_back(vector.v.low_sum);
        head.prefiltered.push_back(&vector);
        continue;
      }
    }
    head.rest.push_back(&rows[i]);
  }
}

// Answers the rows that the prefilter can, and adds the others to ws.head.rest.
Status prefiltered(const Weights& weights, Workspace& ws, ThreadPool& pool, const BestRow* rows,
                   size_t n) {
  HeadScratch& head = ws.head;
  begin_prefilter(weights, ws, rows, n);
  if (head.prefiltered.empty())
    return {};
  bound_logits(weights, ws, pool);
  Status status = exact_logits(weights, ws, pool);
  if (!status.ok())
    return status;
  add_candidates(weights, ws, pool);
  status = exact_logits(weights, ws, pool);
  if (!status.ok())
    return status;
  for (const PrefilteredVector* vector : head.prefiltered) {
    const BestRow& row = *vector->row;
    if (vector->ids.empty()) {
      head.rest.push_back(&row);
      continue;
    }
    Best& best = head.best[vector->h];
    best.begin(row.k);
    for (size_t i = 0; i < vector->exact.size(); ++i)
      best.show({vector->exact[i], vector->ids[i]});
    take(best.sorted(), row);
    if (!sound(row))
      return not_numbers();
    ++ws.head_counts.prefiltered;
    ws.head_counts.candidates += vector->ids.size();
  }
  return {};
}

// Answers ws.head.rest from all their logits.
Status full(const Weights& weights, Workspace& ws, ThreadPool& pool, const BestRow* rows) {
  HeadScratch& head = ws.head;
  const size_t vocab_size = weights.spec.vocab_size;
  for (size_t i = 0; i < head.rest.size(); ++i)
    head.full.push_back({head.rest[i]->row, logits_row(ws, i)});
  Status status = output_logits(weights, ws, pool, head.full.data(), head.full.size());
  if (!status.ok())
    return status;
  pool.parallel(head.rest.size(), [&](size_t i, size_t) {
    const BestRow& row = *head.rest[i];
    const float* of_row = head.full[i].logits;
    Best& best = head.best[static_cast<size_t>(&row - rows)]; // which has room for its k
    best.begin(row.k);
    for (size_t id = 0; id < vocab_size; ++id)
      if (row.allows(id))
        best.show({of_row[id], static_cast<int32_t>(id)});
    take(best.sorted(), row);
    for (size_t j = 0; j < row.extra_count; ++j)
      row.extra_logits[j] = of_row[static_cast<size_t>(row.extra_ids[j])];
    if (row.log_sum_exp)
      *row.log_sum_exp = log_sum_exp(of_row, vocab_size);
  });
  for (const BestRow* row : head.rest)
    if (!sound(*row))
      return not_numbers();
  return {};
}

// The rows of one group.
Status best_of_group(const Weights& weights, Workspace& ws, ThreadPool& pool, const BestRow* rows,
                     size_t n) {
  HeadScratch& head = ws.head;
  head.prefiltered.clear();
  head.rest.clear();
  head.full.clear();
  head.high_sum.clear();
  head.low_sum.clear();
  const Status status = prefiltered(weights, ws, pool, rows, n);
  return status.ok() ? full(weights, ws, pool, rows) : status;
}

} // namespace

bool may_prefilter(const Weights& weights, const BestRow& row) {
  return !weights.head_copy.empty() && !row.log_sum_exp &&
         row.k <= weights.spec.vocab_size / kMostCandidates;
}

Status best_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, const BestRow* rows,
                   size_t n) {
  const size_t together = head_vectors(weights.spec.vocab_size);
  for (size_t first = 0; first < n; first += together) {
    Status status = best_of_group(weights, ws, pool, rows + first, std::min(together, n - first));
    if (!status.ok())
      return status;
  }
  return {};
}

} // namespace bitnet
