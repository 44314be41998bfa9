// A mixture of experts: of many feed-forward networks a router chooses a few for each token.
#include <math.h>
#include <string.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "exact_exp.h"
#include "step.h"

namespace bitnet {
namespace {

// Further below the largest logit, a share, less than 2e-35, counts as none.
constexpr double kFurthest = 80.0;

// The experts with the largest logits, of equal ones that with the lower number, and their shares
// of the sum of exp(logit) over these few, in double, rounded once. That is a softmax over all
// experts of which the chosen ones are divided by their sum. A NaN among the logits makes every share
// one, whichever experts are chosen.
void choose(const float* logits, size_t n_expert, uint32_t token, ExpertSlot* slots, size_t used) {
  size_t count = 0;
  bool odd = false;
  for (size_t expert = 0; expert < n_expert; ++expert) {
    const float logit = logits[expert];
    odd |= isnan(logit);
    if (count == used && !(logit > slots[used - 1].weight))
      continue;
    size_t at = count < used ? count++ : used - 1;
    for (; at > 0 && logit > slots[at - 1].weight; --at)
      slots[at] = slots[at - 1];
    slots[at] = {static_cast<uint32_t>(expert), token, logit};
  }
  const double largest = static_cast<double>(slots[0].weight);
  const auto power = [largest](const ExpertSlot& slot) {
    const double below = largest - static_cast<double>(slot.weight);
    return below <= kFurthest ? 1.0 / exact_exp(below) : 0.0;
  };
  double sum = odd ? NAN : 0; // of an infinite logit 0, so that the shares are NaN too
  for (size_t i = 0; i < used; ++i)
    sum += power(slots[i]);
  for (size_t i = 0; i < used; ++i)
    slots[i].weight = static_cast<float>(power(slots[i]) / sum);
  std::sort(slots, slots + used,
            [](const ExpertSlot& a, const ExpertSlot& b) { return a.expert < b.expert; });
}

// Sorts the choices of all tokens by expert, and says where each expert's slots end.
void sort_slots(Workspace& ws, size_t count) {
  std::vector<size_t>& end = ws.slots_end;
  std::fill(end.begin(), end.end(), size_t{0});
  for (size_t i = 0; i < count; ++i)
    ++end[ws.choices.data[i].expert];
  ws.chosen.clear();
  size_t begin = 0;
  for (size_t expert = 0; expert < end.size(); ++expert) {
    if (end[expert] != 0)
      ws.chosen.push_back(static_cast<uint32_t>(expert));
    begin += std::exchange(end[expert], begin);
  }
  for (size_t i = 0; i < count; ++i) // tokens in order, so that those of an expert are too
    ws.slots.data[end[ws.choices.data[i].expert]++] = ws.choices.data[i];
}

RowRange slots_of(const Workspace& ws, size_t expert) {
  return {expert == 0 ? 0 : ws.slots_end[expert - 1], ws.slots_end[expert]};
}

// The slots of a step as rows.
template <class T> MatOf<T> slot_rows(const TokenMat<T>& values, size_t slots, size_t per_token) {
  return {.data = values.data,
          .rows = slots,
          .cols = values.cols / per_token,
          .stride = values.stride / per_token};
}

template <class T> MatOf<T> rows_of(const MatOf<T>& all, RowRange range) {
  return {.data = all.data ? all.row(range.begin) : nullptr,
          .rows = range.size(),
          .cols = all.cols,
          .stride = all.stride};
}

Activations rows_of(const Activations& all, RowRange range) {
  return {.x = rows_of(all.x, range),
          .q = rows_of(all.q, range),
          .q_sum = all.q_sum + range.begin,
          .q_sums = rows_of(all.q_sums, range),
          .q_step = all.q_step + range.begin};
}

// Room for `cols` inputs of each slot; floats are `x`.
Activations slot_activations(Step& step, Mat x, size_t cols, ActivationTypes reads) {
  Workspace& ws = step.ws;
  const size_t used = step.weights.spec.n_expert_used, slots = step.n * used;
  Activations a = {.x = x,
                   .q = slot_rows(ws.slot_q8, slots, used),
                   .q_sum = ws.slot_q_sum.data,
                   .q_sums = slot_rows(ws.slot_q_sums, slots, used),
                   .q_step = ws.slot_q_step.data};
  a.x.cols = a.q.cols = cols;
  if (!reads.floats)
    a.x.data = nullptr;
  if (!reads.int8)
    a.q.data = nullptr;
  if (!reads.sums)
    a.q_sums.data = nullptr;
  return a;
}

// The inputs of all slots, copied from those of their tokens.
Activations gather(Step& step, const Activations& tokens) {
  Workspace& ws = step.ws;
  const size_t used = step.weights.spec.n_expert_used, cols = tokens.cols();
  const Mat x = slot_rows(ws.slot_h, step.n * used, used);
  const ActivationTypes reads = ws.experts.reads_inner;
  const MatOf<int8_t> q = slot_rows(ws.slot_q8, step.n * used, used);
  const MatOf<int32_t> sums = slot_rows(ws.slot_q_sums, step.n * used, used);
  step.pool.parallel(step.n * used, [&](size_t slot, size_t) {
    const size_t token = ws.slots.data[slot].token;
    if (reads.floats)
      std::copy_n(tokens.x.row(token), cols, x.row(slot));
    if (!reads.int8)
      return;
    const size_t padded = pad_to(cols, kInt8Pad);
    memcpy(q.row(slot), tokens.q.row(token), padded);
    memset(q.row(slot) + padded, 0, q.stride - padded);
    ws.slot_q_sum.data[slot] = tokens.q_sum[token];
    ws.slot_q_step.data[slot] = tokens.q_step[token];
    if (reads.sums)
      std::copy_n(tokens.q_sums.row(token), pad_to(cols, kGroupSumCols) / kGroupSumCols,
                  sums.row(slot));
  });
  return slot_activations(step, x, cols, reads);
}

// What the gates and ups of all slots made, as input of down.
Activations round(Step& step, Mat x, size_t cols) {
  Workspace& ws = step.ws;
  const size_t used = step.weights.spec.n_expert_used;
  const ActivationTypes reads = ws.experts.reads_outer;
  const MatOf<int8_t> q = slot_rows(ws.slot_q8, x.rows, used);
  const MatOf<int32_t> sums = slot_rows(ws.slot_q_sums, x.rows, used);
  step.pool.parallel(reads.int8 ? x.rows : 0, [&](size_t slot, size_t) {
    step.vector().quantize(x.row(slot), cols, q.row(slot), q.stride, ws.slot_q_sum.data + slot,
                           ws.slot_q_step.data + slot);
    if (reads.sums)
      sum_groups(q.row(slot), cols, sums.row(slot));
  });
  return slot_activations(step, x, cols, reads);
}

// Whole tiles of every kind of matrix, so that all of them accept the same ranges of rows.
size_t chunk_rows(const std::vector<const Linear*>& kinds, size_t threads, size_t n) {
  size_t rows = 1, tile = 1;
  for (const Linear* kind : kinds) {
    rows = std::max(rows, kind->chunk_rows(threads, n));
    tile = std::lcm(tile, kind->tile_rows(n));
  }
  return pad_to(rows, tile);
}

// Gates at most `limit`, ups within it both ways; a NaN stays.
void clamp(float limit, Mat gates, Mat ups) {
  for (size_t i = 0; i < gates.rows * gates.cols; ++i) {
    const float gate = gates.data[i], up = ups.data[i];
    gates.data[i] = gate > limit ? limit : gate;
    ups.data[i] = up > limit ? limit : up < -limit ? -limit : up;
  }
}

// out = activation(gate a) * (up a) of every slot with its expert.
void project_gates(Step& step, size_t index, const Activations& a, Mat out, FfnCounts* counts) {
  const LayerWeights& layer = step.weights.layers[index];
  const std::vector<float>& limits = step.weights.spec.gate_limits;
  const float limit = limits.empty() ? 0.0f : limits[index];
  const GateProduct multiply = gate_product(step);
  const Workspace& ws = step.ws;
  const size_t rows = step.weights.spec.ffn_dim;
  const size_t most = chunk_rows(ws.experts.inner, ws.scratch.size(), step.n);
  const size_t chunks = (rows + most - 1) / most;
  step.pool.parallel(ws.chosen.size() * chunks, [&](size_t task, size_t thread) {
    const size_t expert = ws.chosen[task / chunks], begin = task % chunks * most;
    const RowRange slots = slots_of(ws, expert), range = {begin, std::min(rows, begin + most)};
    const Activations own = rows_of(a, slots);
    ThreadScratch& scratch = step.ws.scratch[thread];
    const Mat g = packed(scratch.values.as<float>(), slots.size(), range.size());
    const Mat u =
        packed(g.data + pad_to(slots.size() * range.size(), kFloatPad), g.rows, range.size());
    linear_rows(layer.expert_gates[expert], step.vector(), own, range, g, scratch);
    linear_rows(layer.expert_ups[expert], step.vector(), own, range, u, scratch);
    count_inactive(g.data, g.rows * g.cols, counts);
    if (limit > 0.0f)
      clamp(limit, g, u);
    for (size_t i = 0; i < g.rows; ++i)
      multiply(g.row(i), u.row(i), range.size(), out.row(slots.begin + i) + begin);
  });
}

// x += residual_scale * weight * (down a) of every slot, the experts of a token in order.
void add_downs(Step& step, const LayerWeights& layer, const Activations& a, Mat x) {
  const Workspace& ws = step.ws;
  const size_t rows = step.weights.spec.dim;
  const size_t most = chunk_rows(ws.experts.outer, ws.scratch.size(), step.n);
  step.pool.parallel((rows + most - 1) / most, [&](size_t chunk, size_t thread) {
    const RowRange range = {chunk * most, std::min(rows, (chunk + 1) * most)};
    ThreadScratch& scratch = step.ws.scratch[thread];
    for (const uint32_t expert : ws.chosen) {
      const RowRange slots = slots_of(ws, expert);
      const Mat y = packed(scratch.values.as<float>(), slots.size(), range.size());
      linear_rows(layer.expert_downs[expert], step.vector(), rows_of(a, slots), range, y, scratch);
      for (size_t i = 0; i < y.rows; ++i) {
        const ExpertSlot& slot = ws.slots.data[slots.begin + i];
        const float weight = step.weights.spec.residual_scale * slot.weight;
        float* to = x.row(slot.token) + range.begin;
        for (size_t r = 0; r < y.cols; ++r)
          to[r] += weight * y.row(i)[r];
      }
    }
  });
}

} // namespace

void mix_experts(Step& step, size_t index, const Activations& h, Mat x, FfnCounts* counts) {
  const ModelSpec& spec = step.weights.spec;
  const LayerWeights& layer = step.weights.layers[index];
  Workspace& ws = step.ws;
  const size_t used = spec.n_expert_used;
  project(step, h, {{&layer.router, ws.router}});
  step.pool.parallel(step.n, [&](size_t i, size_t) {
    choose(ws.router.row(i), spec.n_expert, static_cast<uint32_t>(i), ws.choices.row(i), used);
  });
  sort_slots(ws, step.n * used);
  const Activations in = gather(step, normalize(step, h.x, {}, ws.experts.reads_inner));
  const Mat ffn = slot_rows(ws.slot_ffn, step.n * used, used);
  project_gates(step, index, in, ffn, counts);
  const Activations hidden = round(step, ffn, spec.ffn_dim);
  count_zeros(hidden, counts);
  add_downs(step, layer, hidden, x);
}

ScratchBytes expert_scratch(const ExpertKinds& kinds, size_t threads, size_t n) {
  ScratchBytes all;
  const size_t inner = chunk_rows(kinds.inner, threads, n);
  for (const Linear* kind : kinds.inner) {
    all.cover(linear_scratch(*kind, inner, n));
    all.cover({.values = 2 * pad_to(n * inner, kFloatPad) * sizeof(float)});
  }
  const size_t outer = chunk_rows(kinds.outer, threads, n);
  for (const Linear* kind : kinds.outer) {
    all.cover(linear_scratch(*kind, outer, n));
    all.cover({.values = n * outer * sizeof(float)});
  }
  return all;
}

} // namespace bitnet
