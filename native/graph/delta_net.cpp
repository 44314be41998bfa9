// Recurrent layers: a short convolution of queries, keys and values, then the gated delta rule, head by
// head. A head goes through all tokens of an item on one thread, so that its state stays in the cache
// and the order of every sum is that of token by token.
#include <math.h>

#include <algorithm>

#include "step.h"

namespace bitnet {
namespace {

// What one layer does with the tokens of one item.
class LayerOfItem {
public:
  LayerOfItem(Step& step, size_t layer, const BatchItem& item, size_t row)
      : ws_(step.ws), vector_(step.vector()), spec_(step.weights.spec), recurrent_(spec_.recurrent),
        weights_(step.weights.layers[layer]), item_(item), states_(item.cache->states),
        layer_(layer), row_(row) {}

  // The convolution of one head of queries, keys or values, which are told apart by its place, and
  // what of its inputs is to be remembered.
  void convolve(size_t head) const {
    const size_t dim = recurrent_.head_dim, begin = head * dim, taps = recurrent_.taps;
    remember(begin, item_.n, states_.after());
    if (states_.kept() && states_.keep_after() > 0)
      remember(begin, states_.keep_after(), *states_.kept());
    const float* x[kMostTaps];
    for (size_t t = item_.n; t-- > 0;) { // backwards: results take the place of inputs
      for (size_t j = 0; j < taps; ++j)
        x[j] = input(begin, t + j);
      float* y = ws_.qkv.row(row_ + t) + begin;
      vector_.convolve_silu({.x = x,
                             .w = weights_.conv.data() + begin,
                             .taps = taps,
                             .w_stride = recurrent_.channels(),
                             .count = dim,
                             .y = y});
      if (head < 2 * size_t{recurrent_.n_key_head})
        vector_.l2_norm(y, dim, spec_.norm_eps, y);
    }
  }

  // How fast the states of all heads fade and how much they take in.
  void gate() const {
    const size_t heads = recurrent_.n_value_head;
    for (size_t t = 0; t < item_.n; ++t) {
      float* decay = ws_.decay.row(row_ + t);
      float* beta = ws_.beta.row(row_ + t);
      vector_.softplus_of_sum(decay, weights_.decay_bias.data(), heads, decay);
      vector_.exp_of_product(decay, weights_.decay_rate.data(), heads, decay);
      vector_.sigmoid(beta, heads, beta);
    }
  }

  void recur(size_t head) const {
    const size_t dim = recurrent_.head_dim, kept = states_.keep_after();
    const float* from = states_.matrix(states_.before(), layer_, head);
    float* to = states_.matrix(states_.after(), layer_, head);
    if (states_.kept() && kept > 0) {
      run(head, 0, kept, from, to);
      std::copy_n(to, states_.matrix_floats(), states_.matrix(*states_.kept(), layer_, head));
      run(head, kept, item_.n, to, to);
    } else {
      run(head, 0, item_.n, from, to);
    }
    for (size_t t = 0; t < item_.n; ++t) {
      float* o = ws_.state_read.row(row_ + t) + head * dim;
      float* z = ws_.state_gate.row(row_ + t) + head * dim;
      vector_.rms_norm(o, weights_.state_norm.data(), dim, spec_.norm_eps, o);
      vector_.silu_mul(z, o, dim, z);
    }
  }

private:
  // Input `index` of those that are remembered, then those of the item's tokens.
  const float* input(size_t begin, size_t index) const {
    const size_t history = recurrent_.taps - 1;
    return begin + (index < history
                        ? states_.inputs(states_.before(), layer_) + index * states_.inputs_stride()
                        : ws_.qkv.row(row_ + index - history));
  }

  // The last inputs after `n` tokens.
  void remember(size_t begin, size_t n, const StateBuffer& states) const {
    for (size_t j = 0; j + 1 < recurrent_.taps; ++j)
      std::copy_n(input(begin, n + j), recurrent_.head_dim,
                  states_.inputs(states, layer_) + j * states_.inputs_stride() + begin);
  }

  void run(size_t head, size_t first, size_t end, const float* from, float* to) const {
    const size_t dim = recurrent_.head_dim, keys = recurrent_.n_key_head;
    const float* qkv = ws_.qkv.row(row_ + first);
    const float scale = static_cast<float>(1.0 / sqrt(static_cast<double>(dim)));
    vector_.delta_rule({.from = from,
                        .to = to,
                        .rows = dim,
                        .cols = dim,
                        .stride = states_.matrix_stride(),
                        .n = end - first,
                        .q = qkv + head % keys * dim,
                        .k = qkv + (keys + head % keys) * dim,
                        .v = qkv + (2 * keys + head) * dim,
                        .qkv_stride = ws_.qkv.stride,
                        .decay = ws_.decay.row(row_ + first) + head,
                        .beta = ws_.beta.row(row_ + first) + head,
                        .gate_stride = ws_.decay.stride,
                        .scale = scale,
                        .o = ws_.state_read.row(row_ + first) + head * dim,
                        .o_stride = ws_.state_read.stride});
  }

  const Workspace& ws_;
  const VectorKernel& vector_;
  const ModelSpec& spec_;
  const RecurrentSpec& recurrent_;
  const LayerWeights& weights_;
  const BatchItem& item_;
  const RecurrentStates& states_;
  size_t layer_;
  size_t row_; // of the item's first token
};

// use(the layer of an item, 0 .. tasks) for every item that is not aborted: of the others nobody will
// look at what their rows hold.
template <class Use> void for_items(Step& step, size_t layer, size_t tasks, Use&& use) {
  step.pool.parallel(step.item_count * tasks, [&](size_t task, size_t) {
    const BatchItem& item = step.items[task / tasks];
    size_t row = 0;
    for (const BatchItem* before = step.items; before != &item; ++before)
      row += before->n;
    if (!item.abort->raised())
      use(LayerOfItem(step, layer, item, row), task % tasks);
  });
}

} // namespace

void delta_net(Step& step, size_t layer) {
  const RecurrentSpec& recurrent = step.weights.spec.recurrent;
  const size_t heads = 2 * size_t{recurrent.n_key_head} + recurrent.n_value_head;
  for_items(step, layer, heads + 1, [&](const LayerOfItem& of_item, size_t task) {
    task < heads ? of_item.convolve(task) : of_item.gate();
  });
  for_items(step, layer, recurrent.n_value_head,
            [](const LayerOfItem& of_item, size_t head) { of_item.recur(head); });
}

} // namespace bitnet
