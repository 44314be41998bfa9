// How much a head's answers can take.
#include "head_scratch.h"

#include <new>

#include "head_product.h"

namespace bitnet {

bool HeadScratch::ensure(const Weights& weights, size_t threads, const HeadWork& work) {
  const size_t vocab_size = weights.spec.vocab_size;
  const size_t group =
      std::min(head_vectors(vocab_size), std::max(work.best.size(), work.scores.size()));
  logits_stride = pad_to(vocab_size, kPrefilterRows);
  const size_t planes = std::min(group, work.best.size()) * weights.head_copy.padded_cols;
  if (!logits.ensure(group * logits_stride * sizeof(float)) || !high.ensure(planes) ||
      !low.ensure(planes))
    return false;
  try {
    reserve(weights, threads, work, group);
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

void HeadScratch::reserve(const Weights& weights, size_t threads, const HeadWork& work,
                          size_t group) {
  statuses.resize(threads);
  full.reserve(group);
  if (work.best.empty())
    return;
  for (std::vector<int32_t>* sums : {&high_sum, &low_sum})
    sums->reserve(group);
  prefiltered.reserve(group);
  rest.reserve(group);
  if (vectors.size() < group)
    vectors.resize(group);
  if (best.size() < group)
    best.resize(group);
  if (lower.size() < threads * group)
    lower.resize(threads * group);
  const size_t most = weights.spec.vocab_size / kMostCandidates;
  size_t most_runs = 0; // of a group, in either round
  for (size_t i = 0; i < work.best.size(); ++i) {
    const BestRow& row = work.best[i];
    const size_t place = i % head_vectors(weights.spec.vocab_size);
    if (place == 0)
      most_runs = 0;
    best[place].reserve(row.k);
    if (!may_prefilter(weights, row))
      continue;
    vectors[place].ids.reserve(row.k + most);
    vectors[place].exact.reserve(row.k + most);
    for (size_t thread = 0; thread < threads; ++thread)
      lower[place * threads + thread].reserve(row.k);
    most_runs += (row.k + most) / kExactRows + row.extra_count / kExactRows + 2;
    runs.reserve(most_runs);
  }
}

} // namespace bitnet
