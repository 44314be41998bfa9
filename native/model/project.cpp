// Linear layers of a batch, cut into row chunks that the threads share out.
#include <string.h>

#include <algorithm>

#include "pass.h"

namespace bitnet {
namespace {

size_t chunk_count(const Linear& w, size_t threads, size_t n) {
  const size_t rows = w.chunk_rows(threads, n);
  return (w.rows + rows - 1) / rows;
}

size_t chunk_count(const Pass& pass, const Linear& w) {
  return chunk_count(w, pass.ws.scratch.size(), pass.n);
}

RowRange chunk_range(const Pass& pass, const Linear& w, size_t chunk) {
  const size_t rows = w.chunk_rows(pass.ws.scratch.size(), pass.n);
  return {chunk * rows, std::min(w.rows, (chunk + 1) * rows)};
}

// Chunks of the coarser tile, so that both layers accept the same range.
const Linear& coarser(const Linear& gate, const Linear& up, size_t n) {
  return gate.tile_rows(n) >= up.tile_rows(n) ? gate : up;
}

// Live units that one thread takes at a time: enough that the start, whose memory is not fetched
// ahead, is a small part; few enough to balance.
constexpr size_t kMostLive = 512;

// use(first, count, thread) for `live` units, cut into as many.
template <class Use> void share_live(Pass& pass, size_t live, Use&& use) {
  const size_t most = std::min(kMostLive, pad_to(live / (2 * pass.pool.threads()) + 1, 64));
  pass.pool.parallel((live + most - 1) / most, [&](size_t chunk, size_t thread) {
    const size_t first = chunk * most;
    use(first, std::min(most, live - first), thread);
  });
}

// Rows summed up over the threads at a time.
constexpr size_t kSumRows = 4096;

// x += W a for one token and weights in NeuronColumns, reading only the units whose activation is
// not zero. Each thread adds up some of them; integers, so that the sum does not depend on who took
// which.
void add_live_units(Pass& pass, const Activations& a, const Linear& w, float* x) {
  Workspace& ws = pass.ws;
  const UnitKernel& kernel = *std::get<NeuronColumns>(w.layout).kernel;
  int32_t* ids = ws.live.as<int32_t>();
  const size_t live = kernel.find_live(a.q.data, w.cols, ids);
  for (ThreadScratch& scratch : ws.scratch)
    scratch.has_sums = false;
  share_live(pass, live, [&](size_t first, size_t count, size_t thread) {
    ThreadScratch& scratch = ws.scratch[thread];
    if (!scratch.has_sums)
      std::fill_n(scratch.acc.as<int32_t>(), pad_to(w.rows, kernel.block), 0);
    scratch.has_sums = true;
    kernel.accumulate(w.data.data(), w.rows, ids + first, count, a.q.data,
                      scratch.acc.as<int32_t>());
  });
  pass.pool.parallel((w.rows + kSumRows - 1) / kSumRows, [&](size_t chunk, size_t) {
    int32_t sums[kSumRows];
    float y[kSumRows];
    const size_t row = chunk * kSumRows, count = std::min(kSumRows, w.rows - row);
    std::fill_n(sums, count, -a.q_sum[0]);
    for (const ThreadScratch& scratch : ws.scratch)
      for (size_t r = 0; scratch.has_sums && r < count; ++r)
        sums[r] += scratch.acc.as<int32_t>()[row + r];
    scale_sums(w, pass.vector(), sums, a.q_step[0], row, count, y);
    add_bias(w, row, count, y);
    for (size_t r = 0; r < count; ++r)
      x[row + r] += y[r];
  });
}

// out = relu²(gate a) * (up a) for one token and an `up` in NeuronRows: rows behind closed gates are
// zero whatever `up` says, and not read. First all gates, then the open rows: each is a stream of
// its own through memory.
void project_open(Pass& pass, const Activations& a, const Linear& gate, const Linear& up, Mat out,
                  FfnCounts* counts) {
  int32_t* ids = pass.ws.live.as<int32_t>();
  float* y = out.data;
  std::vector<size_t>& open_in = pass.ws.open; // open rows of each chunk, at its place in ids
  const size_t chunks = chunk_count(pass, gate);
  pass.pool.parallel(chunks, [&](size_t chunk, size_t thread) {
    const RowRange range = chunk_range(pass, gate, chunk);
    linear_rows(gate, pass.vector(), a, range, out.columns(range.begin, range.size()),
                pass.ws.scratch[thread]);
    for (size_t r = range.begin; r < range.end; ++r)
      y[r] = y[r] <= 0.0f ? 0.0f : y[r]; // a NaN is passed on
    size_t count = 0;
    for (size_t r = range.begin; r < range.end; ++r) { // no branch: gates close at random
      ids[range.begin + count] = static_cast<int32_t>(r);
      count += y[r] != 0.0f;
    }
    open_in[chunk] = count;
  });
  size_t open = 0;
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    const int32_t* from = ids + chunk_range(pass, gate, chunk).begin;
    memmove(ids + open, from, open_in[chunk] * sizeof *ids); // forward, or where it is
    open += open_in[chunk];
  }
  if (counts)
    counts->closed_gates += up.rows - open;
  share_live(pass, open, [&](size_t first, size_t count, size_t thread) {
    ThreadScratch& scratch = pass.ws.scratch[thread];
    const int32_t* some = ids + first;
    float* g = scratch.values.as<float>();
    float* u = g + kMostLive;
    linear_some_rows(up, pass.vector(), a, some, count, u, scratch);
    for (size_t i = 0; i < count; ++i)
      g[i] = y[some[i]];
    pass.vector().relu2_mul(g, u, count, g);
    for (size_t i = 0; i < count; ++i)
      y[some[i]] = g[i];
  });
}

using GateProduct = void (*)(const float* g, const float* u, size_t count, float* y);

GateProduct gate_product(const Pass& pass) {
  const VectorKernel& vector = pass.vector();
  switch (pass.weights.spec.activation) {
  case Activation::kRelu2:
    return vector.relu2_mul;
  case Activation::kSilu:
    return vector.silu_mul;
  case Activation::kGeluTanh:
    return vector.gelu_tanh_mul;
  }
  return nullptr;
}

void count_closed(const float* gates, size_t count, FfnCounts* counts) {
  if (counts)
    counts->closed_gates += static_cast<uint64_t>(
        std::count_if(gates, gates + count, [](float gate) { return gate <= 0.0f; }));
}

void share_out(Pass& pass, const Activations& a, std::initializer_list<Projection> layers) {
  size_t chunks = 0;
  for (const Projection& layer : layers)
    chunks += chunk_count(pass, *layer.w);
  pass.pool.parallel(chunks, [&](size_t chunk, size_t thread) {
    const Projection* layer = layers.begin();
    while (chunk >= chunk_count(pass, *layer->w))
      chunk -= chunk_count(pass, *layer++->w);
    const RowRange range = chunk_range(pass, *layer->w, chunk);
    linear_rows(*layer->w, pass.vector(), a, range, layer->out.columns(range.begin, range.size()),
                pass.ws.scratch[thread]);
  });
}

// What linear layers read of their input.
enum class Form { kFloat, kInt8, kBoth };

// What these layers, which share an input, read of it.
Form form_for(std::initializer_list<const Linear*> layers) {
  bool floats = false, int8 = false;
  for (const Linear* layer : layers) {
    // A layer with a norm of its own rounds what comes out of that.
    const bool rounds = layer->is_ternary() && layer->norm_in.empty();
    (rounds ? int8 : floats) = true;
  }
  return !int8 ? Form::kFloat : floats ? Form::kBoth : Form::kInt8;
}

Activations normalise_as(Pass& pass, ConstMat x, const std::vector<float>& norm, Form form) {
  Workspace& ws = pass.ws;
  const VectorKernel& vector = pass.vector();
  const bool normed = !norm.empty(), int8 = form != Form::kFloat, keeps = form != Form::kInt8;
  pass.pool.parallel(pass.n, [&](size_t i, size_t thread) {
    const float* row = x.row(i);
    if (normed) {
      float* y = keeps ? ws.h.row(i) : ws.scratch[thread].values.as<float>();
      vector.rms_norm(row, norm.data(), x.cols, pass.weights.spec.norm_eps, y);
      // ws.h is shared by layers of different widths: clear what a wider one left in the padding.
      if (keeps)
        std::fill(y + x.cols, y + pad_to(x.cols, kFloatPad), 0.0f);
      row = y;
    }
    if (int8)
      vector.quantise(row, x.cols, ws.q8.row(i), ws.q8.stride, ws.q_sum.row(i), ws.q_step.row(i));
  });
  Activations a = {.x = x, .q = {}, .q_sum = ws.q_sum.data, .q_step = ws.q_step.data};
  if (normed)
    a.x = {
        .data = keeps ? ws.h.data : nullptr, .rows = x.rows, .cols = x.cols, .stride = ws.h.stride};
  if (int8)
    a.q = {.data = ws.q8.data, .rows = x.rows, .cols = x.cols, .stride = ws.q8.stride};
  return a;
}

// project() for layers that each norm what enters them: the common input is kept in ws.branch.
void project_normed(Pass& pass, const Activations& a, std::initializer_list<Projection> layers) {
  const Mat common = pass.ws.branch;
  for (size_t i = 0; i < a.n(); ++i)
    std::copy_n(a.x.row(i), a.cols(), common.row(i));
  for (const Projection& layer : layers) {
    const Form form = layer.w->is_ternary() ? Form::kInt8 : Form::kFloat;
    share_out(pass, normalise_as(pass, common, layer.w->norm_in, form), {layer});
  }
}

void project_add_normed(Pass& pass, const Activations& a, const Linear& w,
                        const std::vector<float>& post_norm, Mat x) {
  const Mat branch = pass.ws.branch;
  project(pass, a, {{&w, branch}});
  pass.pool.parallel(a.n(), [&](size_t i, size_t) {
    float* y = branch.row(i);
    pass.vector().rms_norm(y, post_norm.data(), w.rows, pass.weights.spec.norm_eps, y);
    float* to = x.row(i);
    for (size_t r = 0; r < w.rows; ++r)
      to[r] += y[r];
  });
}

void project_gated_normed(Pass& pass, const Activations& a, const Linear& gate, const Linear& up,
                          Mat out, FfnCounts* counts) {
  const Mat u = pass.ws.up;
  project_normed(pass, a, {{&gate, out}, {&up, u}});
  pass.pool.parallel(a.n(), [&](size_t i, size_t) {
    count_closed(out.row(i), gate.rows, counts);
    gate_product(pass)(out.row(i), u.row(i), gate.rows, out.row(i));
  });
}

} // namespace

Activations normalise(Pass& pass, ConstMat x, const std::vector<float>& norm,
                      std::initializer_list<const Linear*> layers) {
  return normalise_as(pass, x, norm, form_for(layers));
}

void project(Pass& pass, const Activations& a, std::initializer_list<Projection> layers) {
  const bool own_norms = std::any_of(layers.begin(), layers.end(),
                                     [](const Projection& p) { return !p.w->norm_in.empty(); });
  own_norms ? project_normed(pass, a, layers) : share_out(pass, a, layers);
}

void project_add(Pass& pass, const Activations& a, const Linear& w,
                 const std::vector<float>& post_norm, Mat x) {
  if (!post_norm.empty())
    return project_add_normed(pass, a, w, post_norm, x);
  if (w.kind() == Linear::Kind::kColumnUnits && a.n() == 1)
    return add_live_units(pass, a, w, x.data);
  pass.pool.parallel(chunk_count(pass, w), [&](size_t chunk, size_t thread) {
    const RowRange range = chunk_range(pass, w, chunk);
    ThreadScratch& scratch = pass.ws.scratch[thread];
    const Mat y = packed(scratch.values.as<float>(), a.n(), range.size());
    linear_rows(w, pass.vector(), a, range, y, scratch);
    for (size_t i = 0; i < y.rows; ++i) {
      float* to = x.row(i) + range.begin;
      for (size_t r = 0; r < y.cols; ++r)
        to[r] += y.row(i)[r];
    }
  });
}

void project_gated(Pass& pass, const Activations& a, const Linear& gate, const Linear& up, Mat out,
                   FfnCounts* counts) {
  if (!gate.norm_in.empty() || !up.norm_in.empty())
    return project_gated_normed(pass, a, gate, up, out, counts);
  if (up.kind() == Linear::Kind::kRowUnits && a.n() == 1)
    return project_open(pass, a, gate, up, out, counts);
  const GateProduct multiply = gate_product(pass);
  const Linear& coarse = coarser(gate, up, a.n());
  pass.pool.parallel(chunk_count(pass, coarse), [&](size_t chunk, size_t thread) {
    const RowRange range = chunk_range(pass, coarse, chunk);
    ThreadScratch& scratch = pass.ws.scratch[thread];
    const size_t rows = range.size();
    const Mat g = packed(scratch.values.as<float>(), a.n(), rows);
    const Mat u = packed(g.data + pad_to(a.n() * rows, kFloatPad), a.n(), rows);
    linear_rows(gate, pass.vector(), a, range, g, scratch);
    count_closed(g.data, a.n() * rows, counts);
    linear_rows(up, pass.vector(), a, range, u, scratch);
    for (size_t i = 0; i < a.n(); ++i)
      multiply(g.row(i), u.row(i), rows, out.row(i) + range.begin);
  });
}

ScratchBytes projection_scratch(const Weights& weights, size_t threads, size_t n) {
  ScratchBytes all;
  for (const LayerWeights& layer : weights.layers) {
    for (const Linear* w :
         {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      const size_t rows = w->chunk_rows(threads, n);
      all.cover(linear_scratch(*w, rows, n));
      // What is added to the residual stream, or normed on its way to int8.
      all.cover({.values = std::max(n * rows, w->cols) * sizeof(float)});
    }
    const size_t rows = coarser(layer.gate, layer.up, n).chunk_rows(threads, n);
    all.cover(linear_scratch(layer.gate, rows, n));
    all.cover(linear_scratch(layer.up, rows, n));
    all.cover({.values = 2 * pad_to(n * rows, kFloatPad) * sizeof(float)});
    if (const auto* up = std::get_if<NeuronRows>(&layer.up.layout); up && n == 1)
      all.cover({.acc = kMostLive * sizeof(int32_t), .values = 2 * kMostLive * sizeof(float)});
    if (const auto* down = std::get_if<NeuronColumns>(&layer.down.layout); down && n == 1)
      all.cover({.acc = pad_to(layer.down.rows, down->kernel->block) * sizeof(int32_t)});
  }
  return all;
}

size_t most_gate_chunks(const Weights& weights, size_t threads) {
  size_t most = 0;
  for (const LayerWeights& layer : weights.layers)
    if (layer.up.kind() == Linear::Kind::kRowUnits)
      most = std::max(most, chunk_count(layer.gate, threads, 1));
  return most;
}

} // namespace bitnet
