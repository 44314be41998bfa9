// The causal convolution in front of a state, and its memory of the tokens before.
#include "recurrent_item.h"

#include <algorithm>

namespace bitnet {

void RecurrentItem::convolve(size_t begin, size_t count) const {
  const size_t taps = recurrent_.taps;
  remember(begin, count, item_.n, states_.after());
  if (states_.kept() && states_.keep_after() > 0)
    remember(begin, count, states_.keep_after(), *states_.kept());
  const float* x[kMostTaps];
  for (size_t t = item_.n; t-- > 0;) { // backwards: results take the place of inputs
    for (size_t j = 0; j < taps; ++j)
      x[j] = input(begin, t + j);
    vector_.convolve_silu(
        {.x = x,
         .w = weights_.conv.data() + begin,
         .taps = taps,
         .w_stride = recurrent_.channels(),
         .count = count,
         .y = channels_.row(row_ + t) + begin,
         .bias = weights_.conv_bias.empty() ? nullptr : weights_.conv_bias.data() + begin});
  }
}

// Input `index` of those that are remembered, then those of the item's tokens.
const float* RecurrentItem::input(size_t begin, size_t index) const {
  const size_t history = recurrent_.taps - 1;
  return begin + (index < history
                      ? states_.inputs(states_.before(), layer_) + index * states_.inputs_stride()
                      : channels_.row(row_ + index - history));
}

// The last inputs after `n` tokens.
void RecurrentItem::remember(size_t begin, size_t count, size_t n,
                             const StateBuffer& states) const {
  for (size_t j = 0; j + 1 < recurrent_.taps; ++j)
    std::copy_n(input(begin, n + j), count,
                states_.inputs(states, layer_) + j * states_.inputs_stride() + begin);
}

} // namespace bitnet
