// From the last hidden states to logits, the best few of them, or log-probabilities.
#include "evaluate.h"

#include <math.h>

#include <algorithm>
#include <new>
#include <numeric>

namespace bitnet {
namespace {

// Logits held at once while scoring: tokens share a pass over the head, memory stays small.
constexpr size_t kScoreRows = 32;

// log Σ exp(logits), in double and in order of the ids, so that it does not depend on threads.
double log_sum_exp(const float* logits, size_t count) {
  const float max = *std::max_element(logits, logits + count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += exp(static_cast<double>(logits[i]) - max);
  return max + log(sum);
}

// A logit and its id, ordered best first: the higher logit, then the lower id. NaN comes before
// every number, so that damaged weights are seen and not sampled around.
struct Candidate {
  float logit;
  int32_t id;

  bool operator<(const Candidate& other) const {
    const bool nan = isnan(logit);
    if (nan != isnan(other.logit))
      return nan;
    return !nan && logit != other.logit ? logit > other.logit : id < other.id;
  }
};

void best(const float* logits, size_t vocab, size_t k, int32_t* ids, float* values) {
  std::vector<Candidate> heap; // the k best so far, the worst of them in front
  heap.reserve(k + 1);
  for (size_t i = 0; i < vocab; ++i) {
    const Candidate candidate{logits[i], static_cast<int32_t>(i)};
    if (heap.size() == k && !(candidate < heap.front()))
      continue;
    heap.push_back(candidate);
    std::push_heap(heap.begin(), heap.end());
    if (heap.size() > k) {
      std::pop_heap(heap.begin(), heap.end());
      heap.pop_back();
    }
  }
  std::sort_heap(heap.begin(), heap.end());
  for (size_t i = 0; i < k; ++i) {
    ids[i] = heap[i].id;
    values[i] = heap[i].logit;
  }
}

} // namespace

bool Evaluation::step(ThreadPool& pool) {
  const size_t n = std::min(kMaxBatch, request_.n - done_);
  try {
    status_ = abort_.raised() ? Status::error(Code::kAborted, "The evaluation was aborted.")
                              : run_chunk(pool, n);
  } catch (const std::bad_alloc&) {
    status_ = Status::error(Code::kMemory, "Not enough memory for the evaluation.");
  }
  done_ += n;
  return !status_.ok() || done_ == request_.n;
}

Status Evaluation::run_chunk(ThreadPool& pool, size_t n) {
  const BatchItem item{&cache_, request_.tokens + done_, n};
  Status status = forward(*model_.weights, model_.workspace, pool, &item, 1, abort_);
  if (!status.ok())
    return status;
  const bool last_chunk = done_ + n == request_.n;
  switch (request_.want) {
  case EvaluateRequest::Want::kNone:
    return {};
  case EvaluateRequest::Want::kLast:
    return last_chunk ? last_logits(pool, n, request_.logits) : Status{};
  case EvaluateRequest::Want::kAll:
    return all_logits(pool, n);
  case EvaluateRequest::Want::kTop:
    return last_chunk ? top(pool, n) : Status{};
  case EvaluateRequest::Want::kScore:
    return score(pool, n);
  }
  return {};
}

Status Evaluation::last_logits(ThreadPool& pool, size_t n, float* logits) {
  const size_t row = n - 1;
  return output_logits(*model_.weights, model_.workspace, pool, &row, 1, logits);
}

Status Evaluation::all_logits(ThreadPool& pool, size_t n) {
  std::vector<size_t> rows(n);
  std::iota(rows.begin(), rows.end(), size_t{0});
  return output_logits(*model_.weights, model_.workspace, pool, rows.data(), n,
                       request_.logits + done_ * model_.weights->spec.vocab);
}

Status Evaluation::top(ThreadPool& pool, size_t n) {
  const size_t vocab = model_.weights->spec.vocab;
  std::vector<float> logits(vocab);
  Status status = last_logits(pool, n, logits.data());
  if (!status.ok())
    return status;
  best(logits.data(), vocab, request_.top, request_.top_ids, request_.top_logits);
  for (size_t i = 0; i < request_.also_count; ++i)
    request_.also_logits[i] = logits[static_cast<size_t>(request_.also[i])];
  if (request_.log_sum_exp)
    *request_.log_sum_exp = log_sum_exp(logits.data(), vocab);
  return {};
}

Status Evaluation::score(ThreadPool& pool, size_t n) {
  const size_t vocab = model_.weights->spec.vocab;
  const size_t scored =
      std::min(n, request_.n - 1 - done_); // the very last token predicts nothing asked for
  std::vector<float> logits(std::min(scored, kScoreRows) * vocab);
  std::vector<size_t> rows(kScoreRows);
  for (size_t first = 0; first < scored; first += kScoreRows) {
    const size_t count = std::min(kScoreRows, scored - first);
    std::iota(rows.begin(), rows.end(), first);
    Status status =
        output_logits(*model_.weights, model_.workspace, pool, rows.data(), count, logits.data());
    if (!status.ok())
      return status;
    pool.parallel(count, [&](size_t i, size_t) {
      const float* row = logits.data() + i * vocab;
      const size_t token = done_ + first + i;
      const size_t next = static_cast<size_t>(request_.tokens[token + 1]);
      request_.scores[token] = row[next] - log_sum_exp(row, vocab);
    });
  }
  return {};
}

} // namespace bitnet
