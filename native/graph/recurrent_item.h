// What recurrent layers of all kinds do with the tokens of one item of a step.
#pragma once
#include <algorithm>

#include "step.h"

namespace bitnet {

/** One recurrent layer and the tokens of one item. */
class RecurrentItem {
public:
  /** `channels` are inputs of the convolution, of all tokens of the step; `row` is the item's first. */
  RecurrentItem(Step& step, size_t layer, const BatchItem& item, size_t row, Mat channels)
      : vector_(step.vector()), spec_(step.weights.spec), recurrent_(spec_.recurrent),
        weights_(step.weights.layers[layer]), item_(item), states_(item.cache->states),
        layer_(layer), row_(row), channels_(channels) {}

protected:
  /**
   * The convolution of channels [begin, begin + count), in place, and what of its inputs is to be
   * remembered.
   */
  void convolve(size_t begin, size_t count) const;

  /**
   * Takes the state of one head through all tokens, on one thread, so that it stays in the cache and
   * the order of every sum is that of token by token: run(first, end, from, to) does so for some.
   */
  template <class Run> void advance(size_t head, Run&& run) const {
    const size_t kept = states_.keep_after();
    const float* from = states_.matrix(states_.before(), layer_, head);
    float* to = states_.matrix(states_.after(), layer_, head);
    if (states_.kept() && kept > 0) {
      run(size_t{0}, kept, from, to);
      std::copy_n(to, states_.matrix_floats(), states_.matrix(*states_.kept(), layer_, head));
      run(kept, item_.n, to, to);
    } else {
      run(size_t{0}, item_.n, from, to);
    }
  }

  const VectorKernel& vector_;
  const ModelSpec& spec_;
  const RecurrentSpec& recurrent_;
  const LayerWeights& weights_;
  const BatchItem& item_;
  const RecurrentStates& states_;
  size_t layer_;
  size_t row_; // of the item's first token
  Mat channels_;

private:
  const float* input(size_t begin, size_t index) const;
  void remember(size_t begin, size_t count, size_t n, const StateBuffer& states) const;
};

/**
 * use(item, its first row, 0 .. tasks) on the threads, for every item that is not aborted: of the
 * others nobody will look at what their rows hold.
 */
template <class Use> void for_items(Step& step, size_t tasks, Use&& use) {
  step.pool.parallel(step.item_count * tasks, [&](size_t task, size_t) {
    const BatchItem& item = step.items[task / tasks];
    size_t row = 0;
    for (const BatchItem* before = step.items; before != &item; ++before)
      row += before->n;
    if (!item.abort->raised())
      use(item, row, task % tasks);
  });
}

} // namespace bitnet
