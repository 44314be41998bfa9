// Linear layers of a batch, cut into row chunks that the threads share out.
#include <string.h>

#include <algorithm>
#include <numeric>

#include "norm.h"
#include "step.h"

namespace bitnet {
namespace {

size_t chunk_count(const Linear& w, size_t threads, size_t n) {
  const size_t rows = w.chunk_rows(threads, n);
  return (w.rows + rows - 1) / rows;
}

size_t chunk_count(const Step& step, const Linear& w) {
  return chunk_count(w, step.ws.scratch.size(), step.n);
}

RowRange chunk_range(const Step& step, const Linear& w, size_t chunk) {
  const size_t rows = w.chunk_rows(step.ws.scratch.size(), step.n);
  return {chunk * rows, std::min(w.rows, (chunk + 1) * rows)};
}

// Active neurons that one thread takes at a time: enough that the start, whose memory is not
// fetched ahead, is a small part; few enough to balance.
constexpr size_t kMostActive = 512;

// use(first, count, thread) for `active` neurons, cut into as many.
template <class Use> void share_active(Step& step, size_t active, Use&& use) {
  const size_t most = std::min(kMostActive, pad_to(active / (2 * step.pool.threads()) + 1, 64));
  step.pool.parallel((active + most - 1) / most, [&](size_t chunk, size_t thread) {
    const size_t first = chunk * most;
    use(first, std::min(most, active - first), thread);
  });
}

// x += y, as far as the graph lets a branch into the residual stream.
void add_branch(const Step& step, const float* y, size_t count, float* x) {
  const float scale = step.weights.spec.residual_scale;
  for (size_t r = 0; r < count; ++r)
    x[r] += scale * y[r];
}

// Rows summed up over the threads at a time.
constexpr size_t kSumRows = 4096;

// x += W a for one token and weights in NeuronColumns, reading only the neurons whose activation is
// not zero. Each thread adds up some of them; integers, so that the sum does not depend on who took
// which.
void add_active_neurons(Step& step, const Activations& a, const Linear& w, float* x) {
  Workspace& ws = step.ws;
  const NeuronKernel& kernel = *std::get<NeuronColumns>(w.layout).kernel;
  int32_t* ids = ws.active.as<int32_t>();
  const size_t active = kernel.find_active(a.q.data, w.cols, ids);
  for (ThreadScratch& scratch : ws.scratch)
    scratch.has_sums = false;
  share_active(step, active, [&](size_t first, size_t count, size_t thread) {
    ThreadScratch& scratch = ws.scratch[thread];
    if (!scratch.has_sums)
      std::fill_n(scratch.acc.as<int32_t>(), pad_to(w.rows, kernel.block), 0);
    scratch.has_sums = true;
    kernel.down_some(w.data.data(), w.rows, ids + first, count, a.q.data,
                     scratch.acc.as<int32_t>());
  });
  step.pool.parallel((w.rows + kSumRows - 1) / kSumRows, [&](size_t chunk, size_t) {
    int32_t sums[kSumRows];
    float y[kSumRows];
    const size_t row = chunk * kSumRows, count = std::min(kSumRows, w.rows - row);
    std::fill_n(sums, count, -a.q_sum[0]);
    for (const ThreadScratch& scratch : ws.scratch)
      for (size_t r = 0; scratch.has_sums && r < count; ++r)
        sums[r] += scratch.acc.as<int32_t>()[row + r];
    scale_sums(w, step.vector(), sums, a.q_step[0], row, count, y);
    add_bias(w, row, count, y);
    add_deltas(step, w, {row, row + count}, packed(y, 1, count));
    add_branch(step, y, count, x + row);
  });
}

// out = relu²(gate a) * (up a) for one token and an `up` in NeuronRows: rows of inactive neurons
// are zero whatever `up` says, and not read. First all gates, then the active rows: each is a
// stream of its own through memory.
void project_active(Step& step, const Activations& a, const Linear& gate, const Linear& up, Mat out,
                    FfnCounts* counts) {
  int32_t* ids = step.ws.active.as<int32_t>();
  float* y = out.data;
  std::vector<size_t>& active_in =
      step.ws.active_in; // active rows of each chunk, at its place in ids
  const size_t chunks = chunk_count(step, gate);
  step.pool.parallel(chunks, [&](size_t chunk, size_t thread) {
    const RowRange range = chunk_range(step, gate, chunk);
    const Mat gates = out.columns(range.begin, range.size());
    linear_rows(gate, step.vector(), a, range, gates, step.ws.scratch[thread]);
    add_deltas(step, gate, range, gates);
    store_deltas(step, up, range);
    for (size_t r = range.begin; r < range.end; ++r)
      y[r] = y[r] <= 0.0f ? 0.0f : y[r]; // a NaN is passed on
    size_t count = 0;
    for (size_t r = range.begin; r < range.end; ++r) { // no branch: gates close at random
      ids[range.begin + count] = static_cast<int32_t>(r);
      count += y[r] != 0.0f;
    }
    active_in[chunk] = count;
  });
  size_t active = 0;
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    const int32_t* from = ids + chunk_range(step, gate, chunk).begin;
    memmove(ids + active, from, active_in[chunk] * sizeof *ids); // forward, or where it is
    active += active_in[chunk];
  }
  if (counts)
    counts->inactive_neurons += up.rows - active;
  share_active(step, active, [&](size_t first, size_t count, size_t thread) {
    ThreadScratch& scratch = step.ws.scratch[thread];
    const int32_t* some = ids + first;
    float* g = scratch.values.as<float>();
    float* u = g + kMostActive;
    linear_some_rows(up, step.vector(), a, some, count, u, scratch);
    add_stored_deltas(step, up, some, count, u);
    for (size_t i = 0; i < count; ++i)
      g[i] = y[some[i]];
    step.vector().relu2_mul(g, u, count, g);
    for (size_t i = 0; i < count; ++i)
      y[some[i]] = g[i];
  });
}

void share_out(Step& step, const Activations& a, std::initializer_list<Projection> layers) {
  size_t chunks = 0;
  for (const Projection& layer : layers)
    chunks += chunk_count(step, *layer.w);
  step.pool.parallel(chunks, [&](size_t chunk, size_t thread) {
    const Projection* layer = layers.begin();
    while (chunk >= chunk_count(step, *layer->w))
      chunk -= chunk_count(step, *layer++->w);
    const RowRange range = chunk_range(step, *layer->w, chunk);
    const Mat out = layer->out.columns(range.begin, range.size());
    linear_rows(*layer->w, step.vector(), a, range, out, step.ws.scratch[thread]);
    add_deltas(step, *layer->w, range, out);
  });
}

// What these layers, which share an input, read of it.
ActivationTypes activation_types_for(std::initializer_list<const Linear*> layers) {
  ActivationTypes types;
  for (const Linear* layer : layers) {
    if (layer->norm_in.empty())
      types.cover(*layer);
    else
      types.floats = true; // it rounds what comes out of its own norm
  }
  return types;
}

// project() for layers that each norm what enters them: the common input is kept in ws.branch.
void project_normed(Step& step, const Activations& a, std::initializer_list<Projection> layers) {
  const Mat common = step.ws.branch;
  for (size_t i = 0; i < a.n(); ++i)
    std::copy_n(a.x.row(i), a.cols(), common.row(i));
  for (const Projection& layer : layers) {
    ActivationTypes types;
    types.cover(*layer.w);
    share_out(step, normalize(step, common, layer.w->norm_in, types), {layer});
  }
}

void project_add_normed(Step& step, const Activations& a, const Linear& w,
                        const std::vector<float>& post_norm, Mat x) {
  const Mat branch = step.ws.branch;
  project(step, a, {{&w, branch}});
  step.pool.parallel(a.n(), [&](size_t i, size_t) {
    float* y = branch.row(i);
    norm_row(step.weights, y, post_norm, y);
    add_branch(step, y, w.rows, x.row(i));
  });
}

void project_gated_normed(Step& step, const Activations& a, const Linear& gate, const Linear& up,
                          Mat out, FfnCounts* counts) {
  const Mat u = step.ws.up;
  project_normed(step, a, {{&gate, out}, {&up, u}});
  step.pool.parallel(a.n(), [&](size_t i, size_t) {
    count_inactive(out.row(i), gate.rows, counts);
    gate_product(step)(out.row(i), u.row(i), gate.rows, out.row(i));
  });
}

} // namespace

GateProduct gate_product(const Step& step) {
  const VectorKernel& vector = step.vector();
  switch (step.weights.spec.activation) {
  case Activation::kRelu2:
    return vector.relu2_mul;
  case Activation::kSilu:
    return vector.silu_mul;
  case Activation::kGeluTanh:
    return vector.gelu_tanh_mul;
  }
  return nullptr;
}

void count_inactive(const float* gates, size_t count, FfnCounts* counts) {
  if (counts)
    counts->inactive_neurons += static_cast<uint64_t>(
        std::count_if(gates, gates + count, [](float gate) { return gate <= 0.0f; }));
}

void count_zeros(const Activations& a, FfnCounts* counts) {
  if (!counts)
    return;
  const auto zeros = [](const auto& rows) {
    uint64_t count = 0;
    for (size_t i = 0; i < rows.rows; ++i)
      count += static_cast<uint64_t>(std::count(rows.row(i), rows.row(i) + rows.cols, 0));
    return count;
  };
  counts->values += a.n() * a.cols();
  counts->zero_inputs += a.q.data ? zeros(a.q) : zeros(a.x);
}

size_t common_chunk_rows(const Linear& a, const Linear& b, size_t threads, size_t n) {
  return pad_to(std::max(a.chunk_rows(threads, n), b.chunk_rows(threads, n)),
                std::lcm(a.tile_rows(n), b.tile_rows(n)));
}

void sum_groups(const int8_t* q, size_t cols, int32_t* sums) {
  for (size_t k = 0; k < cols; k += kGroupSumCols) {
    int32_t sum = 0;
    for (size_t i = 0; i < kGroupSumCols; ++i)
      sum += q[k + i];
    *sums++ = sum;
  }
}

Activations normalize(Step& step, ConstMat x, const std::vector<float>& norm, ActivationTypes types,
                      const Rotation* rotation) {
  Workspace& ws = step.ws;
  const VectorKernel& vector = step.vector();
  const bool normed = !norm.empty(), int8 = types.int8, keeps = types.floats;
  const bool changed = normed || rotation;
  step.pool.parallel(step.n, [&](size_t i, size_t thread) {
    const float* row = x.row(i);
    if (changed) {
      float* y = keeps ? ws.h.row(i) : ws.scratch[thread].values.as<float>();
      if (normed)
        norm_row(step.weights, row, norm, y);
      else
        rotation->order(row, y); // what has an order of its own has no norm
      if (rotation)
        rotation->apply(vector, y);
      // ws.h is shared by layers of different widths: clear what a wider one left in the padding.
      if (keeps)
        std::fill(y + x.cols, y + pad_to(x.cols, kFloatPad), 0.0f);
      row = y;
    }
    if (int8)
      vector.quantize(row, x.cols, ws.q8.row(i), ws.q8.stride, ws.q_sum.row(i), ws.q_step.row(i));
    if (types.sums)
      sum_groups(ws.q8.row(i), x.cols, ws.q_sums.row(i));
  });
  Activations a = {.x = x, .q = {}, .q_sum = ws.q_sum.data, .q_sums = {}, .q_step = ws.q_step.data};
  if (changed)
    a.x = {
        .data = keeps ? ws.h.data : nullptr, .rows = x.rows, .cols = x.cols, .stride = ws.h.stride};
  if (int8)
    a.q = {.data = ws.q8.data, .rows = x.rows, .cols = x.cols, .stride = ws.q8.stride};
  if (types.sums)
    a.q_sums = {.data = ws.q_sums.data,
                .rows = x.rows,
                .cols = x.cols / kGroupSumCols,
                .stride = ws.q_sums.stride};
  return a;
}

Activations normalize(Step& step, ConstMat x, const std::vector<float>& norm,
                      std::initializer_list<const Linear*> layers) {
  ActivationTypes types = activation_types_for(layers);
  const bool deltas = has_deltas(step, layers);
  types.floats |= deltas;
  const Activations a = normalize(step, x, norm, types, (*layers.begin())->rotation);
  if (deltas)
    shrink(step, a, layers);
  return a;
}

void project(Step& step, const Activations& a, std::initializer_list<Projection> layers) {
  const bool own_norms = std::any_of(layers.begin(), layers.end(),
                                     [](const Projection& p) { return !p.w->norm_in.empty(); });
  own_norms ? project_normed(step, a, layers) : share_out(step, a, layers);
}

void project_add(Step& step, const Activations& a, const Linear& w,
                 const std::vector<float>& post_norm, Mat x) {
  if (!post_norm.empty())
    return project_add_normed(step, a, w, post_norm, x);
  if (w.kind() == Linear::Kind::kColumnNeurons && a.n() == 1)
    return add_active_neurons(step, a, w, x.data);
  step.pool.parallel(chunk_count(step, w), [&](size_t chunk, size_t thread) {
    const RowRange range = chunk_range(step, w, chunk);
    ThreadScratch& scratch = step.ws.scratch[thread];
    const Mat y = packed(scratch.values.as<float>(), a.n(), range.size());
    linear_rows(w, step.vector(), a, range, y, scratch);
    add_deltas(step, w, range, y);
    for (size_t i = 0; i < y.rows; ++i)
      add_branch(step, y.row(i), y.cols, x.row(i) + range.begin);
  });
}

void project_gated(Step& step, const Activations& a, const Linear& gate, const Linear& up, Mat out,
                   FfnCounts* counts) {
  if (!gate.norm_in.empty() || !up.norm_in.empty())
    return project_gated_normed(step, a, gate, up, out, counts);
  if (up.kind() == Linear::Kind::kRowNeurons && a.n() == 1)
    return project_active(step, a, gate, up, out, counts);
  const GateProduct multiply = gate_product(step);
  const size_t most = common_chunk_rows(gate, up, step.ws.scratch.size(), a.n());
  step.pool.parallel((up.rows + most - 1) / most, [&](size_t chunk, size_t thread) {
    const RowRange range = {chunk * most, std::min(up.rows, (chunk + 1) * most)};
    ThreadScratch& scratch = step.ws.scratch[thread];
    const size_t rows = range.size();
    const Mat g = packed(scratch.values.as<float>(), a.n(), rows);
    const Mat u = packed(g.data + pad_to(a.n() * rows, kFloatPad), a.n(), rows);
    linear_rows(gate, step.vector(), a, range, g, scratch);
    add_deltas(step, gate, range, g);
    count_inactive(g.data, a.n() * rows, counts);
    linear_rows(up, step.vector(), a, range, u, scratch);
    add_deltas(step, up, range, u);
    for (size_t i = 0; i < a.n(); ++i)
      multiply(g.row(i), u.row(i), rows, out.row(i) + range.begin);
  });
}

ScratchBytes projection_scratch(const Weights& weights, size_t threads, size_t n) {
  ScratchBytes all;
  for (const LayerWeights& layer : weights.layers) {
    for (const Linear* w : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up,
                            &layer.down, &layer.router, &layer.qkv, &layer.state_gate,
                            &layer.decay_in, &layer.beta_in, &layer.state_out}) {
      const size_t rows = w->chunk_rows(threads, n);
      all.cover(linear_scratch(*w, rows, n));
      // What is added to the residual stream, or normed on its way to int8.
      all.cover({.values = std::max(n * rows, w->cols) * sizeof(float)});
    }
    const size_t rows = common_chunk_rows(layer.gate, layer.up, threads, n);
    all.cover(linear_scratch(layer.gate, rows, n));
    all.cover(linear_scratch(layer.up, rows, n));
    all.cover({.values = 2 * pad_to(n * rows, kFloatPad) * sizeof(float)});
    if (const auto* up = std::get_if<NeuronRows>(&layer.up.layout); up && n == 1)
      all.cover({.acc = kMostActive * sizeof(int32_t), .values = 2 * kMostActive * sizeof(float)});
    if (const auto* down = std::get_if<NeuronColumns>(&layer.down.layout); down && n == 1)
      all.cover({.acc = pad_to(layer.down.rows, down->kernel->block) * sizeof(int32_t)});
  }
  return all;
}

size_t most_gate_chunks(const Weights& weights, size_t threads) {
  size_t most = 0;
  for (const LayerWeights& layer : weights.layers)
    if (layer.up.kind() == Linear::Kind::kRowNeurons)
      most = std::max(most, chunk_count(layer.gate, threads, 1));
  return most;
}

} // namespace bitnet
