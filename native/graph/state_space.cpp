// Selective state spaces (Mamba-2, Dao & Gu 2024) beside attention: a short convolution, then the
// state, head by head, then gates and a norm of each group of heads.
#include <algorithm>

#include "recurrent_item.h"

namespace bitnet {
namespace {

// Channels that a thread convolves at a time.
constexpr size_t kPiece = 64;

// The parts of what one matrix projects: gates of values, then channels, then steps of heads.
Mat gates_of(const Step& step) {
  return step.ws.state_in.columns(0, step.weights.spec.recurrent.values());
}
Mat channels_of(const Step& step) {
  const RecurrentSpec& recurrent = step.weights.spec.recurrent;
  return step.ws.state_in.columns(recurrent.values(), recurrent.channels());
}
Mat steps_of(const Step& step) {
  const RecurrentSpec& recurrent = step.weights.spec.recurrent;
  return step.ws.state_in.columns(recurrent.values() + recurrent.channels(),
                                  recurrent.n_value_head);
}

class StateSpaceItem : RecurrentItem {
public:
  StateSpaceItem(Step& step, size_t layer, const BatchItem& item, size_t row)
      : RecurrentItem(step, layer, item, row, channels_of(step)), ws_(step.ws),
        steps_(steps_of(step)) {}

  void convolve(size_t piece) const {
    const size_t begin = piece * kPiece;
    RecurrentItem::convolve(begin, std::min(kPiece, channels_.cols - begin));
  }

  // How long the steps of all heads are, and how fast their states fade.
  void gate() const {
    const size_t heads = recurrent_.n_value_head;
    for (size_t t = 0; t < item_.n; ++t) {
      float* delta = ws_.beta.row(row_ + t);
      vector_.softplus_of_sum(steps_.row(row_ + t), weights_.decay_bias.data(), heads, delta);
      vector_.exp_of_product(delta, weights_.decay_rate.data(), heads, ws_.decay.row(row_ + t));
    }
  }

  void recur(size_t head) const {
    const size_t rows = recurrent_.head_dim, cols = recurrent_.key_dim;
    const size_t groups = recurrent_.n_key_head;
    const size_t group = head / (recurrent_.n_value_head / groups);
    advance(head, [&](size_t first, size_t end, const float* from, float* to) {
      const float* x = channels_.row(row_ + first);
      const float* b = x + recurrent_.values() + group * cols;
      vector_.state_space({.from = from,
                           .to = to,
                           .rows = rows,
                           .cols = cols,
                           .stride = states_.matrix_stride(),
                           .n = end - first,
                           .x = x + head * rows,
                           .b = b,
                           .c = b + groups * cols,
                           .xbc_stride = channels_.stride,
                           .decay = ws_.decay.row(row_ + first) + head,
                           .delta = ws_.beta.row(row_ + first) + head,
                           .gate_stride = ws_.decay.stride,
                           .skip = weights_.skip[head],
                           .y = ws_.state_read.row(row_ + first) + head * rows,
                           .y_stride = ws_.state_read.stride});
    });
  }

private:
  const Workspace& ws_;
  Mat steps_;
};

void gate_and_norm(Step& step, const std::vector<float>& norm) {
  const ModelSpec& spec = step.weights.spec;
  const size_t groups = spec.recurrent.n_key_head, width = spec.recurrent.values() / groups;
  const Mat gates = gates_of(step);
  step.pool.parallel(step.n, [&](size_t row, size_t) {
    for (size_t begin = 0; begin < groups * width; begin += width) {
      float* y = step.ws.state_read.row(row) + begin;
      step.vector().silu_mul(gates.row(row) + begin, y, width, y);
      if (!norm.empty())
        step.vector().rms_norm(y, norm.data() + begin, width, spec.norm_eps, y);
    }
  });
}

} // namespace

void state_space(Step& step, size_t layer) {
  const RecurrentSpec& recurrent = step.weights.spec.recurrent;
  const size_t pieces = (recurrent.channels() + kPiece - 1) / kPiece;
  for_items(step, pieces + 1, [&](const BatchItem& item, size_t row, size_t task) {
    const StateSpaceItem of_item(step, layer, item, row);
    task < pieces ? of_item.convolve(task) : of_item.gate();
  });
  for_items(step, recurrent.n_value_head, [&](const BatchItem& item, size_t row, size_t head) {
    StateSpaceItem(step, layer, item, row).recur(head);
  });
  gate_and_norm(step, step.weights.layers[layer].state_norm);
}

} // namespace bitnet
