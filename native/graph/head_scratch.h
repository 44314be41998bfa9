// Working memory of the output head, which is made large enough before a step.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "../common/aligned_buffer.h"
#include "../common/status.h"
#include "head_copy.h"

namespace bitnet {

struct BestRow;
struct HeadWork;
struct LogitsRow;
struct Weights;

/** A logit and its id. */
struct Candidate {
  float logit;
  int32_t id;

  /** Best first, as BestRow says; NaN before every number, so that it is seen and not passed over. */
  bool operator<(const Candidate& other) const {
    const bool nan = std::isnan(logit);
    if (nan != std::isnan(other.logit))
      return nan;
    return !nan && logit != other.logit ? logit > other.logit : id < other.id;
  }
};

/** Keeps the `k` best of what it is shown; the worst of them is in front. */
class Best {
public:
  /** Makes room for the `k` best. */
  void reserve(size_t k) { heap_.reserve(k + 1); }
  void begin(size_t k) {
    k_ = k;
    heap_.clear();
  }
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
  const std::vector<Candidate>& sorted() {
    std::sort_heap(heap_.begin(), heap_.end());
    return heap_;
  }

private:
  size_t k_ = 0;
  std::vector<Candidate> heap_;
};

/** A vector on its way through the prefilter. */
struct PrefilteredVector {
  const BestRow* row = nullptr;
  size_t h = 0; // row of the vector in the workspace's h
  PrefilterVector v;
  std::vector<int32_t> ids; // rows of the head to multiply; none where they would be too many
  std::vector<float> exact; // their logits, as far as they are known

  /** T, of the known logits: the smallest number, NaN where there is none. */
  float worst() const { return std::accumulate(exact.begin(), exact.end(), NAN, fminf); }
};

/** A run of single rows of the head times one vector of the workspace's h. */
struct ExactRun {
  size_t h;
  const int32_t* ids;
  size_t count;
  float* logits;
};

/** The lists of one step's head. "Group": tokens whose logits are in memory together. */
struct HeadScratch {
  /** Makes room for `work`. False when memory runs out. */
  bool ensure(const Weights& weights, size_t threads, const HeadWork& work);
  /** Bytes of what grows with the vocabulary. */
  uint64_t bytes() const { return logits.size() + high.size() + low.size(); }

  std::vector<Status> statuses; // [threads]
  AlignedBuffer logits;         // float [group, vocab_size padded], first upper bounds of them
  size_t logits_stride = 0;
  std::vector<LogitsRow> full; // [group] rows whose logits go there
  std::vector<Best> best;      // [group]

  std::vector<PrefilteredVector> vectors;      // [group]
  std::vector<PrefilteredVector*> prefiltered; // those of them on their way
  std::vector<const BestRow*> rest;            // the others
  AlignedBuffer high, low;                     // int8 [prefiltered, padded_cols]
  std::vector<int32_t> high_sum, low_sum;      // [prefiltered]
  std::vector<Best> lower;                     // [group, threads] those with the best lower bounds
  std::vector<ExactRun> runs;

private:
  void reserve(const Weights& weights, size_t threads, const HeadWork& work, size_t group);
};

} // namespace bitnet
