// Appending tokens to a sequence and getting out exactly what was asked for.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "../graph/forward.h"
#include "../graph/head.h"

namespace bitnet {

/** What one step runs: kept from step to step, so that its lists need no memory again. */
struct StepLists {
  std::vector<BatchItem> items;
  HeadWork work;
  std::vector<FfnCounts> counts; // [n_layer]
  std::vector<AdapterRows> adapters;
};

/**
 * A loaded model: weights that all sessions share, and the working memory of the step that runs.
 */
struct Model {
  Model(std::shared_ptr<const Weights> w, size_t threads, uint64_t budget = kWorkspaceBudget)
      : weights(std::move(w)), workspace(*weights, threads, budget) {}

  std::shared_ptr<const Weights> weights;
  std::shared_ptr<KvPool> kv = std::make_shared<KvPool>(); // of its sessions
  Workspace workspace;
  StepLists lists;
  std::atomic<uint64_t> workspace_bytes{0}; // after the last step, for any thread
};

/** What an evaluation leaves behind besides the longer sequence. Memory is the caller's. */
struct EvaluateRequest {
  enum class Outputs : uint32_t { kNone, kLast, kAll, kTop, kScore, kLastState, kStates };

  const int32_t* tokens; // [n], each in [0, vocab_size)
  size_t n;
  // The first of these were evaluated before (SequenceCache::truncate): they have no outputs.
  size_t again = 0;
  Outputs outputs;
  size_t rows = 1; // kLast, kTop: outputs are those of the last `rows` tokens; at most n - again
  float* logits = nullptr; // kLast: [rows, vocab_size]; kAll: [n - again, vocab_size]

  size_t top = 0;              // kTop: best logits of each row, descending, ties to the lower id
  int32_t* top_ids = nullptr;  // [rows, top]
  float* top_logits = nullptr; // [rows, top]
  const int32_t* extra_ids = nullptr; // [rows, extra_count] ids whose logits are wanted too
  size_t extra_count = 0;
  float* extra_logits = nullptr;     // [rows, extra_count]
  double* log_sum_exp = nullptr;     // [rows], optional, also for kLast: log Σ exp(logit)
  const uint32_t* allowed = nullptr; // [rows, ceil(vocab_size / 32)], optional: see BestRow

  // What the head would multiply; kLastState: [dim], kStates: [n - again, dim].
  float* states = nullptr;

  // What the sequence is evaluated with, from its first token on; memory of whoever asks.
  const AppliedAdapter* adapters = nullptr; // [adapter_count]
  size_t adapter_count = 0;

  // [n_layer, 3], optional, added to: inactive neurons, zero inputs of down, values of each.
  double* ffn_counts = nullptr;

  // [n_layer, n - again, dim], optional: the residual stream after each layer.
  float* layers = nullptr;

  std::atomic<int32_t>* progress = nullptr; // optional: thousandths done

  // [1], optional, added to: tokens that were not evaluated, because another sequence had been at them.
  // What is evaluated is kept for others then.
  int32_t* cached = nullptr;
  std::string prefix_key; // what the tokens are evaluated with besides the model: see PrefixKey

  // kScore: [n - again - 1], natural log p(tokens[i + 1] | tokens[0..i] and what came before), i from
  // `again` on.
  double* scores = nullptr;
};

/**
 * A snapshot is taken so many tokens before the end of a text: what a chat writes there, as the begin
 * of an answer, is often not what stands there a turn later, and whoever asks again about the same text
 * has to evaluate its last token again.
 */
constexpr size_t kSnapshotTail = 8;

/** Where tokens are appended one by one, a snapshot is taken at every multiple of this position. */
constexpr size_t kSnapshotInterval = 256;

/** One evaluation in progress: which tokens come next, what is wanted of them, how it ended. */
class Evaluation {
public:
  Evaluation(Model& model, SequenceCache& cache, const EvaluateRequest& request, const Abort& abort)
      : model_(&model), cache_(&cache), request_(request), abort_(abort) {}

  Model& model() const { return *model_; }
  const SequenceCache& cache() const { return *cache_; }
  /** Its only token follows those that are there, as while decoding. */
  bool single() const { return request_.n == 1; }
  size_t remaining() const { return request_.n - done_; } // tokens
  bool over() const { return !status_.ok() || remaining() == 0; }
  const Status& status() const { return status_; }
  Status take_status() { return std::move(status_); }
  bool abort_raised() const { return abort_.raised(); }
  /** Its activations are counted: they must not mix with those of others. */
  bool runs_alone() const { return request_.ffn_counts != nullptr; }

  /** Skips what the pool has of the next tokens, never the last; before each step. */
  void reuse();
  /** Makes room for the keys, values and states that the next `n` tokens leave behind. */
  Status prepare(size_t n);
  /** The next `n` tokens as part of a step, for which there is room. */
  BatchItem item(size_t n) const {
    return {.cache = cache_,
            .tokens = request_.tokens + done_,
            .n = n,
            .abort = &abort_,
            .progress = {.done = request_.progress,
                         .begin = thousandths(done_),
                         .end = thousandths(done_ + n)},
            .streams = streams(n),
            .adapters = request_.adapters,
            .adapter_count = request_.adapter_count};
  }
  /** Orders evaluations so that those with the same adapters follow each other. */
  bool adapters_before(const Evaluation& other) const;
  /** Adds what is wanted of the next `n` tokens, which begin at `row` of the step. */
  void ask(size_t row, size_t n, HeadWork& work) const;
  /** The next `n` tokens are done: only now does the position move. */
  void advance(size_t n);
  /** `counts`: [n_layer], of a step that is done; when runs_alone(). */
  void add_counts(const std::vector<FfnCounts>& counts);
  void fail(Status status) { status_ = std::move(status); }
  void fail_aborted() { fail(Status::error(Code::kAborted, "The evaluation was aborted.")); }

private:
  /** How many of the next `n` tokens have no outputs, and how many before these have some. */
  size_t silent(size_t n) const {
    return request_.again > done_ ? std::min(n, request_.again - done_) : 0;
  }
  size_t outputs_before() const { return done_ - std::min(request_.again, done_); }
  LayerStreams streams(size_t n) const;

  int32_t thousandths(size_t tokens) const {
    return static_cast<int32_t>(1000 * tokens / request_.n);
  }

  Model* model_;
  SequenceCache* cache_;
  EvaluateRequest request_;
  Abort abort_;
  size_t done_ = 0;     // tokens evaluated
  bool looked_ = false; // for what the pool has
  Status status_;
};

} // namespace bitnet
