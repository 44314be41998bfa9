// Which rows of a step an evaluation wants to see, and where they go.
#include "evaluate.h"

#include <algorithm>
#include <functional>
#include <new>

namespace bitnet {

Status Evaluation::prepare(size_t n) {
  cache_->use(request_.prefix_key);
  if (request_.n - request_.again <= 1) { // a single token, as while generating
    const bool due = n == 1 && cache_->position % kSnapshotInterval == 0;
    return cache_->prepare(n, due ? 0 : RecurrentStates::kNowhere);
  }
  if (request_.cached) // for those that share a part of the text
    cache_->states.keep_now(kSnapshotInterval);
  const size_t keep = request_.n - std::min(request_.n, kSnapshotTail);
  const bool here = keep >= done_ && keep < done_ + n;
  return cache_->prepare(n, here ? keep - done_ : RecurrentStates::kNowhere);
}

void Evaluation::ask(size_t row, size_t n, HeadWork& work) const {
  const EvaluateRequest& r = request_;
  const bool ends = n == remaining();
  const size_t last = row + n - 1;
  const bool of_last =
      r.outputs == EvaluateRequest::Outputs::kLast || r.outputs == EvaluateRequest::Outputs::kTop;
  const size_t begin = of_last ? r.n - r.rows : r.again;               // of the tokens with outputs
  const size_t first = begin > done_ ? std::min(n, begin - done_) : 0; // of these
  const size_t place = done_ - std::min(begin, done_);                 // of the first's outputs
  const size_t vocab_size = model_->weights->spec.vocab_size;
  switch (r.outputs) {
  case EvaluateRequest::Outputs::kNone:
    break;
  case EvaluateRequest::Outputs::kLast:
  case EvaluateRequest::Outputs::kAll:
    for (size_t i = first; i < n; ++i) {
      const size_t at = place + i - first;
      work.logits.push_back(
          {.row = row + i,
           .logits = r.logits + at * vocab_size,
           .log_sum_exp = of_last && r.log_sum_exp ? r.log_sum_exp + at : nullptr});
    }
    break;
  case EvaluateRequest::Outputs::kTop:
    for (size_t i = first; i < n; ++i) {
      const size_t at = place + i - first;
      work.best.push_back(
          {.row = row + i,
           .k = r.top,
           .ids = r.top_ids + at * r.top,
           .logits = r.top_logits + at * r.top,
           .extra_ids = r.extra_ids + at * r.extra_count,
           .extra_count = r.extra_count,
           .extra_logits = r.extra_logits + at * r.extra_count,
           .log_sum_exp = r.log_sum_exp ? r.log_sum_exp + at : nullptr,
           .allowed = r.allowed ? r.allowed + at * ((vocab_size + 31) / 32) : nullptr});
    }
    break;
  case EvaluateRequest::Outputs::kScore:
    // The very last token predicts nothing asked for.
    for (size_t i = first; i < n && done_ + i + 1 < r.n; ++i)
      work.scores.push_back({row + i, r.tokens[done_ + i + 1], r.scores + place + i - first});
    break;
  case EvaluateRequest::Outputs::kLastState:
    if (ends)
      work.states.push_back({last, r.states});
    break;
  case EvaluateRequest::Outputs::kStates:
    for (size_t i = first; i < n; ++i)
      work.states.push_back({row + i, r.states + (place + i - first) * model_->weights->spec.dim});
    break;
  }
}

LayerStreams Evaluation::streams(size_t n) const {
  if (!request_.layers)
    return {};
  return {.out = request_.layers + outputs_before() * model_->weights->spec.dim,
          .rows = request_.n - request_.again,
          .skip = silent(n)};
}

void Evaluation::reuse() {
  if (!request_.cached || over())
    return;
  KvPool& pool = *cache_->kv.pool();
  try {
    cache_->use(request_.prefix_key);
  } catch (const std::bad_alloc&) {
    return; // prepare() will say so
  }
  cache_->share();
  if (!looked_)
    pool.count_lookup();
  looked_ = true;
  const size_t needed = std::min(remaining(), std::max<size_t>(1, request_.rows));
  const size_t found = cache_->reuse(request_.tokens + done_, remaining() - needed);
  const size_t again = std::min(found, request_.again - std::min(request_.again, done_));
  done_ += found;
  if (found == again)
    return;
  pool.count_hit(found - again, *request_.cached == 0);
  *request_.cached += static_cast<int32_t>(found - again);
}

bool Evaluation::adapters_before(const Evaluation& other) const {
  const EvaluateRequest &a = request_, &b = other.request_;
  return std::lexicographical_compare(
      a.adapters, a.adapters + a.adapter_count, b.adapters, b.adapters + b.adapter_count,
      [](const AppliedAdapter& x, const AppliedAdapter& y) {
        return x.adapter != y.adapter ? std::less<const Adapter*>()(x.adapter, y.adapter)
                                      : x.scale < y.scale;
      });
}

void Evaluation::advance(size_t n) {
  cache_->append(request_.tokens + done_, n);
  done_ += n;
}

void Evaluation::add_counts(const std::vector<FfnCounts>& counts) {
  for (size_t layer = 0; layer < counts.size(); ++layer) {
    double* out = request_.ffn_counts + 3 * layer;
    out[0] += static_cast<double>(counts[layer].inactive_neurons);
    out[1] += static_cast<double>(counts[layer].zero_inputs);
    out[2] += static_cast<double>(counts[layer].values);
  }
}

} // namespace bitnet
