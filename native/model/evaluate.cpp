// Which rows of a pass an evaluation wants to see, and where they go.
#include "evaluate.h"

#include <algorithm>

namespace bitnet {

void Evaluation::ask(size_t row, size_t n, HeadWork& work) const {
  const EvaluateRequest& r = request_;
  const bool ends = n == remaining();
  const size_t last = row + n - 1;
  switch (r.want) {
  case EvaluateRequest::Want::kNone:
    break;
  case EvaluateRequest::Want::kLast:
    if (ends)
      work.logits.push_back({last, r.logits});
    break;
  case EvaluateRequest::Want::kAll:
    for (size_t i = 0; i < n; ++i)
      work.logits.push_back({row + i, r.logits + (done_ + i) * model_->weights->spec.vocab});
    break;
  case EvaluateRequest::Want::kTop:
    if (ends)
      work.best.push_back({.row = last,
                           .k = r.top,
                           .ids = r.top_ids,
                           .logits = r.top_logits,
                           .also = r.also,
                           .also_count = r.also_count,
                           .also_logits = r.also_logits,
                           .log_sum_exp = r.log_sum_exp});
    break;
  case EvaluateRequest::Want::kScore:
    // The very last token predicts nothing asked for.
    for (size_t i = 0; i < n && done_ + i + 1 < r.n; ++i)
      work.scores.push_back({row + i, r.tokens[done_ + i + 1], r.scores + done_ + i});
    break;
  case EvaluateRequest::Want::kLastState:
    if (ends)
      work.states.push_back({last, r.states});
    break;
  case EvaluateRequest::Want::kStates:
    for (size_t i = 0; i < n; ++i)
      work.states.push_back({row + i, r.states + (done_ + i) * model_->weights->spec.dim});
    break;
  }
}

void Evaluation::advance(size_t n) {
  cache_->position += n;
  done_ += n;
}

void Evaluation::add_counts(const std::vector<FfnCounts>& counts) {
  for (size_t layer = 0; layer < counts.size(); ++layer) {
    double* out = request_.ffn_counts + 3 * layer;
    out[0] += static_cast<double>(counts[layer].closed_gates);
    out[1] += static_cast<double>(counts[layer].zero_inputs);
    out[2] += static_cast<double>(counts[layer].values);
  }
}

} // namespace bitnet
