// Recurrent layers: a short convolution of queries, keys and values, then the gated delta rule, head by
// head.
#include <math.h>

#include <algorithm>

#include "recurrent_item.h"

namespace bitnet {
namespace {

class DeltaNetItem : RecurrentItem {
public:
  DeltaNetItem(Step& step, size_t layer, const BatchItem& item, size_t row)
      : RecurrentItem(step, layer, item, row, step.ws.qkv), ws_(step.ws) {}

  // The convolution of one head of queries, keys or values, which are told apart by its place.
  void convolve(size_t head) const {
    const size_t dim = recurrent_.head_dim, begin = head * dim;
    RecurrentItem::convolve(begin, dim);
    for (size_t t = 0; t < item_.n && head < 2 * size_t{recurrent_.n_key_head}; ++t) {
      float* y = channels_.row(row_ + t) + begin;
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
    const size_t dim = recurrent_.head_dim;
    advance(head, [&](size_t first, size_t end, const float* from, float* to) {
      run(head, first, end, from, to);
    });
    for (size_t t = 0; t < item_.n; ++t) {
      float* o = ws_.state_read.row(row_ + t) + head * dim;
      float* z = ws_.state_gate.row(row_ + t) + head * dim;
      vector_.rms_norm(o, weights_.state_norm.data(), dim, spec_.norm_eps, o);
      vector_.silu_mul(z, o, dim, z);
    }
  }

private:
  void run(size_t head, size_t first, size_t end, const float* from, float* to) const {
    const size_t dim = recurrent_.head_dim, keys = recurrent_.n_key_head;
    const float* qkv = channels_.row(row_ + first);
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
                        .qkv_stride = channels_.stride,
                        .decay = ws_.decay.row(row_ + first) + head,
                        .beta = ws_.beta.row(row_ + first) + head,
                        .gate_stride = ws_.decay.stride,
                        .scale = scale,
                        .o = ws_.state_read.row(row_ + first) + head * dim,
                        .o_stride = ws_.state_read.stride});
  }

  const Workspace& ws_;
};

} // namespace

void delta_net(Step& step, size_t layer) {
  const RecurrentSpec& recurrent = step.weights.spec.recurrent;
  const size_t heads = 2 * size_t{recurrent.n_key_head} + recurrent.n_value_head;
  for_items(step, heads + 1, [&](const BatchItem& item, size_t row, size_t task) {
    const DeltaNetItem of_item(step, layer, item, row);
    task < heads ? of_item.convolve(task) : of_item.gate();
  });
  for_items(step, recurrent.n_value_head, [&](const BatchItem& item, size_t row, size_t head) {
    DeltaNetItem(step, layer, item, row).recur(head);
  });
}

} // namespace bitnet
