// Linear layers of a batch, cut into row chunks that the threads share out.
#include <string.h>

#include <algorithm>

#include "pass.h"

namespace bitnet {
namespace {

size_t chunk_rows(const Pass& pass, const Linear& w) {
  return w.chunk_rows(pass.pool.threads(), pass.n);
}

size_t chunk_count(const Pass& pass, const Linear& w) {
  const size_t rows = chunk_rows(pass, w);
  return (w.rows + rows - 1) / rows;
}

struct RowRange {
  size_t begin;
  size_t end;
};

RowRange chunk_range(const Pass& pass, const Linear& w, size_t chunk) {
  const size_t rows = chunk_rows(pass, w);
  return {chunk * rows, std::min(w.rows, (chunk + 1) * rows)};
}

// use(first, count, thread) for `live` units cut into what one thread takes at a time: enough that
// the start, whose memory is not fetched ahead, is a small part; few enough to balance.
template <class Use> void share_live(Pass& pass, size_t live, Use&& use) {
  const size_t most = std::min<size_t>(512, pad_to(live / (2 * pass.pool.threads()) + 1, 64));
  pass.pool.parallel((live + most - 1) / most, [&](size_t chunk, size_t thread) {
    const size_t first = chunk * most;
    use(first, std::min(most, live - first), thread);
  });
}

// Rows summed up over the threads at a time.
constexpr size_t kSumRows = 4096;

void rows_of(Pass& pass, const Linear& w, const Activations& a, RowRange range, float* out,
             size_t out_stride, ThreadScratch& scratch) {
  if (!linear_rows(w, pass.vector(), a, range.begin, range.end, out, out_stride, scratch))
    pass.no_memory.store(true);
}

// x += W a for one token and weights in column units, reading only the units whose activation is
// not zero. Each thread adds up some of them; integers, so that the sum does not depend on who took
// which.
void add_live_units(Pass& pass, const Activations& a, const Linear& w, float* x) {
  Workspace& ws = pass.ws;
  int32_t* ids = ws.live.as<int32_t>();
  const size_t live = w.units->find_live(a.q, w.cols, ids);
  for (ThreadScratch& scratch : ws.scratch)
    scratch.has_sums = false;
  share_live(pass, live, [&](size_t first, size_t count, size_t thread) {
    ThreadScratch& scratch = ws.scratch[thread];
    const size_t padded = pad_to(w.rows, w.units->block);
    if (!scratch.acc.ensure(padded * sizeof(int32_t)))
      return pass.no_memory.store(true);
    if (!scratch.has_sums)
      std::fill_n(scratch.acc.as<int32_t>(), padded, 0);
    scratch.has_sums = true;
    w.units->accumulate(w.data.data(), w.rows, ids + first, count, a.q, scratch.acc.as<int32_t>());
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

// out = relu²(gate a) * (up a) for one token and an `up` in row units: rows behind closed gates are
// zero whatever `up` says, and not read. First all gates, then the open rows: each is a stream of
// its own through memory.
void project_open(Pass& pass, const Activations& a, const Linear& gate, const Linear& up,
                  float* out, FfnCounts* counts) {
  int32_t* ids = pass.ws.live.as<int32_t>();
  std::vector<size_t> open_in(
      chunk_count(pass, gate)); // open rows of each chunk, at its place in ids
  pass.pool.parallel(open_in.size(), [&](size_t chunk, size_t thread) {
    const RowRange range = chunk_range(pass, gate, chunk);
    rows_of(pass, gate, a, range, out + range.begin, 0, pass.ws.scratch[thread]);
    for (size_t r = range.begin; r < range.end; ++r)
      out[r] = out[r] <= 0.0f ? 0.0f : out[r]; // a NaN is passed on
    size_t count = 0;
    for (size_t r = range.begin; r < range.end; ++r) { // no branch: gates close at random
      ids[range.begin + count] = static_cast<int32_t>(r);
      count += out[r] != 0.0f;
    }
    open_in[chunk] = count;
  });
  size_t open = 0;
  for (size_t chunk = 0; chunk < open_in.size(); ++chunk) {
    const int32_t* from = ids + chunk_range(pass, gate, chunk).begin;
    memmove(ids + open, from, open_in[chunk] * sizeof *ids); // forward, or where it is
    open += open_in[chunk];
  }
  if (counts)
    counts->closed_gates += up.rows - open;
  share_live(pass, open, [&](size_t first, size_t count, size_t thread) {
    ThreadScratch& scratch = pass.ws.scratch[thread];
    const int32_t* some = ids + first;
    if (!scratch.values.ensure(2 * pad_to(count, kFloatPad) * sizeof(float)))
      return pass.no_memory.store(true);
    float* g = scratch.values.as<float>();
    float* u = g + pad_to(count, kFloatPad);
    if (!linear_some_rows(up, pass.vector(), a, some, count, u, scratch))
      return pass.no_memory.store(true);
    for (size_t i = 0; i < count; ++i)
      g[i] = out[some[i]];
    pass.vector().relu2_mul(g, u, count, g);
    for (size_t i = 0; i < count; ++i)
      out[some[i]] = g[i];
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
    rows_of(pass, *layer->w, a, range, layer->out + range.begin, layer->out_stride,
            pass.ws.scratch[thread]);
  });
}

// project() for layers that each norm what enters them: the common input is kept in ws.branch.
void project_normed(Pass& pass, const Activations& a, std::initializer_list<Projection> layers) {
  Workspace& ws = pass.ws;
  float* common = ws.branch.as<float>();
  for (size_t i = 0; i < a.n; ++i)
    std::copy_n(a.x + i * a.x_stride, a.cols, common + i * ws.dim_stride);
  for (const Projection& layer : layers) {
    const Activations own = normalise(pass, common, ws.dim_stride, a.cols, layer.w->norm_in,
                                      layer.w->is_ternary() ? Form::kInt8 : Form::kFloat);
    share_out(pass, own, {layer});
  }
}

void project_add_normed(Pass& pass, const Activations& a, const Linear& w,
                        const std::vector<float>& post_norm, float* x, size_t stride) {
  float* branch = pass.ws.branch.as<float>();
  const size_t branch_stride = pass.ws.dim_stride;
  project(pass, a, {{&w, branch, branch_stride}});
  pass.pool.parallel(a.n, [&](size_t i, size_t) {
    float* y = branch + i * branch_stride;
    pass.vector().rms_norm(y, post_norm.data(), w.rows, pass.weights.spec.norm_eps, y);
    for (size_t r = 0; r < w.rows; ++r)
      x[i * stride + r] += y[r];
  });
}

void project_gated_normed(Pass& pass, const Activations& a, const Linear& gate, const Linear& up,
                          float* out, size_t stride, FfnCounts* counts) {
  float* u = pass.ws.up.as<float>();
  project_normed(pass, a, {{&gate, out, stride}, {&up, u, pass.ws.ffn_stride}});
  pass.pool.parallel(a.n, [&](size_t i, size_t) {
    float* g = out + i * stride;
    count_closed(g, gate.rows, counts);
    gate_product(pass)(g, u + i * pass.ws.ffn_stride, gate.rows, g);
  });
}

} // namespace

Form form_for(std::initializer_list<const Linear*> layers) {
  bool floats = false, int8 = false;
  for (const Linear* layer : layers) {
    // A layer with a norm of its own rounds what comes out of that.
    const bool rounds = layer->is_ternary() && layer->norm_in.empty();
    (rounds ? int8 : floats) = true;
  }
  return !int8 ? Form::kFloat : floats ? Form::kBoth : Form::kInt8;
}

Activations normalise(Pass& pass, const float* x, size_t stride, size_t cols,
                      const std::vector<float>& norm, Form form) {
  Workspace& ws = pass.ws;
  const VectorKernel& vector = pass.vector();
  const bool normed = !norm.empty(), int8 = form != Form::kFloat;
  float* h = normed && form != Form::kInt8 ? ws.h.as<float>() : nullptr;
  pass.pool.parallel(pass.n, [&](size_t i, size_t thread) {
    const float* row = x + i * stride;
    if (normed) {
      AlignedBuffer& passing = ws.scratch[thread].values;
      if (!h && !passing.ensure(cols * sizeof(float)))
        return pass.no_memory.store(true);
      float* y = h ? h + i * ws.wide_stride : passing.as<float>();
      vector.rms_norm(row, norm.data(), cols, pass.weights.spec.norm_eps, y);
      // ws.h is shared by layers of different widths: clear what a wider one left in the padding.
      if (h)
        std::fill(y + cols, y + pad_to(cols, kFloatPad), 0.0f);
      row = y;
    }
    if (int8)
      vector.quantise(row, cols, ws.q8.as<int8_t>() + i * ws.q8_stride, ws.q8_stride,
                      ws.q_sum.as<int32_t>() + i, ws.q_step.as<float>() + i);
  });
  return {pass.n,
          cols,
          normed ? h : x,
          h ? ws.wide_stride : stride,
          int8 ? ws.q8.as<int8_t>() : nullptr,
          ws.q8_stride,
          ws.q_sum.as<int32_t>(),
          ws.q_step.as<float>()};
}

void project(Pass& pass, const Activations& a, std::initializer_list<Projection> layers) {
  const bool own_norms = std::any_of(layers.begin(), layers.end(),
                                     [](const Projection& p) { return !p.w->norm_in.empty(); });
  own_norms ? project_normed(pass, a, layers) : share_out(pass, a, layers);
}

void project_add(Pass& pass, const Activations& a, const Linear& w,
                 const std::vector<float>& post_norm, float* x, size_t stride) {
  if (!post_norm.empty())
    return project_add_normed(pass, a, w, post_norm, x, stride);
  if (w.kind == Linear::Kind::kColumnUnits && a.n == 1)
    return add_live_units(pass, a, w, x);
  pass.pool.parallel(chunk_count(pass, w), [&](size_t chunk, size_t thread) {
    const RowRange range = chunk_range(pass, w, chunk);
    const size_t rows = range.end - range.begin;
    ThreadScratch& scratch = pass.ws.scratch[thread];
    if (!scratch.values.ensure(a.n * rows * sizeof(float)))
      return pass.no_memory.store(true);
    float* y = scratch.values.as<float>(); // [n, rows]
    rows_of(pass, w, a, range, y, rows, scratch);
    for (size_t i = 0; i < a.n; ++i)
      for (size_t r = 0; r < rows; ++r)
        x[i * stride + range.begin + r] += y[i * rows + r];
  });
}

void project_gated(Pass& pass, const Activations& a, const Linear& gate, const Linear& up,
                   float* out, size_t stride, FfnCounts* counts) {
  if (!gate.norm_in.empty() || !up.norm_in.empty())
    return project_gated_normed(pass, a, gate, up, out, stride, counts);
  const GateProduct multiply = gate_product(pass);
  if (up.kind == Linear::Kind::kRowUnits && a.n == 1)
    return project_open(pass, a, gate, up, out, counts);
  // Chunks of the coarser tile, so that both layers accept the same range.
  const Linear& coarse = gate.tile_rows(a.n) >= up.tile_rows(a.n) ? gate : up;
  pass.pool.parallel(chunk_count(pass, coarse), [&](size_t chunk, size_t thread) {
    const RowRange range = chunk_range(pass, coarse, chunk);
    const size_t rows = range.end - range.begin;
    ThreadScratch& scratch = pass.ws.scratch[thread];
    const size_t size = pad_to(a.n * rows, kFloatPad);
    if (!scratch.values.ensure(2 * size * sizeof(float)))
      return pass.no_memory.store(true);
    float* g = scratch.values.as<float>(); // [n, rows]
    float* u = g + size;                   // [n, rows]
    rows_of(pass, gate, a, range, g, rows, scratch);
    count_closed(g, a.n * rows, counts);
    rows_of(pass, up, a, range, u, rows, scratch);
    for (size_t i = 0; i < a.n; ++i)
      multiply(g + i * rows, u + i * rows, rows, out + i * stride + range.begin);
  });
}

} // namespace bitnet
