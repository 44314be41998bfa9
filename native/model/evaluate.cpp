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
  const size_t n_layer = model_.weights->layers.size();
  std::vector<FfnCounts> counts(request_.ffn_counts ? n_layer : 0);
  Status status = forward(*model_.weights, model_.workspace, pool, &item, 1, abort_,
                          counts.empty() ? nullptr : counts.data());
  if (!status.ok())
    return status;
  for (size_t layer = 0; layer < counts.size(); ++layer) {
    double* out = request_.ffn_counts + 3 * layer;
    out[0] += static_cast<double>(counts[layer].closed_gates);
    out[1] += static_cast<double>(counts[layer].zero_inputs);
    out[2] += static_cast<double>(counts[layer].values);
  }
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
  std::vector<Candidate> best;
  Status status = best_logits(*model_.weights, model_.workspace, pool, n - 1, request_.top,
                              request_.also, request_.also_count, &best, request_.also_logits);
  if (!status.ok())
    return status;
  for (size_t i = 0; i < best.size(); ++i) {
    request_.top_ids[i] = best[i].id;
    request_.top_logits[i] = best[i].logit;
  }
  if (!request_.log_sum_exp)
    return {};
  std::vector<float> logits(model_.weights->spec.vocab); // the sum needs them all
  status = last_logits(pool, n, logits.data());
  *request_.log_sum_exp = log_sum_exp(logits.data(), logits.size());
  return status;
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
