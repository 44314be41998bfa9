// Appending tokens to a sequence and getting out exactly what was asked for, chunk by chunk.
#pragma once
#include <memory>

#include "forward.h"
#include "head.h"

namespace bitnet {

/** A loaded model: weights that all sessions share, and the working memory of the pass that runs.
 */
struct Model {
  Model(std::shared_ptr<const Weights> w, size_t threads)
      : weights(std::move(w)), workspace(*weights, threads) {}

  std::shared_ptr<const Weights> weights;
  Workspace workspace;
};

/** What an evaluation leaves behind besides the longer KV cache. Memory is the caller's. */
struct EvaluateRequest {
  enum class Want : uint32_t { kNone, kLast, kAll, kTop, kScore };

  const int32_t* tokens; // [n], each in [0, vocab)
  size_t n;
  Want want;
  float* logits = nullptr; // kLast: [vocab]; kAll: [n, vocab]

  size_t top = 0; // kTop: best logits of the last token, descending, ties to the lower id
  int32_t* top_ids = nullptr;    // [top]
  float* top_logits = nullptr;   // [top]
  const int32_t* also = nullptr; // ids whose logits are wanted too
  size_t also_count = 0;
  float* also_logits = nullptr;  // [also_count]
  double* log_sum_exp = nullptr; // [1], optional: log Σ exp(logit) of the last token

  double* ffn_counts = nullptr; // [n_layer, 3], optional, added to: closed gates, zero inputs of
                                // down, values of each

  double* scores =
      nullptr; // kScore: [n - 1], natural log p(tokens[i + 1] | tokens[0..i] and what came before)
};

/** One evaluation in progress. */
class Evaluation {
public:
  Evaluation(Model& model, KvCache& cache, const EvaluateRequest& request, const Abort& abort)
      : model_(model), cache_(cache), request_(request), abort_(abort) {}

  /** Runs the next chunk of at most kMaxBatch tokens; true when done, failed or aborted. */
  bool step(ThreadPool& pool);

  const Status& status() const { return status_; }

private:
  Status run_chunk(ThreadPool& pool, size_t n);
  Status last_logits(ThreadPool& pool, size_t n, float* logits);
  Status all_logits(ThreadPool& pool, size_t n);
  Status top(ThreadPool& pool, size_t n);
  Status score(ThreadPool& pool, size_t n);

  Model& model_;
  KvCache& cache_;
  EvaluateRequest request_;
  Abort abort_;
  size_t done_ = 0; // tokens evaluated
  Status status_;
};

} // namespace bitnet
