// Linear layers of a batch, cut into row chunks that the threads share out.
#include <algorithm>

#include "pass.h"

namespace bitnet {
namespace {

// A chunk is what one thread takes at a time: small enough to balance, large enough that taking it
// costs nothing (128 rows of 2560 ternary weights are 80 kB, some microseconds of reading).
constexpr size_t kChunkRows = 128;

size_t chunk_rows(const Pass& pass, const Linear& w) {
  const size_t fair = w.rows / (pass.pool.threads() * 4) + 1;
  return pad_to(std::min(kChunkRows, fair), w.tile_rows());
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

void rows_of(Pass& pass, const Linear& w, const Activations& a, RowRange range, float* out,
             size_t out_stride, ThreadScratch& scratch) {
  if (!linear_rows(w, pass.vector(), a, range.begin, range.end, out, out_stride, scratch))
    pass.no_memory.store(true);
}

} // namespace

Activations normalise(Pass& pass, const float* x, size_t stride, size_t cols,
                      const std::vector<float>& norm, bool int8) {
  Workspace& ws = pass.ws;
  const VectorKernel& vector = pass.vector();
  const bool normed = !norm.empty();
  float* h = ws.h.as<float>();
  const float* in = normed ? h : x;
  const size_t in_stride = normed ? ws.wide_stride : stride;
  pass.pool.parallel(pass.n, [&](size_t i, size_t) {
    if (normed) {
      float* y = h + i * ws.wide_stride;
      vector.rms_norm(x + i * stride, norm.data(), cols, pass.weights.spec.norm_eps, y);
      // ws.h is shared by layers of different widths: clear what a wider one left in the padding.
      std::fill(y + cols, y + pad_to(cols, kFloatPad), 0.0f);
    }
    if (int8)
      vector.quantise(in + i * in_stride, cols, ws.q8.as<int8_t>() + i * ws.q8_stride, ws.q8_stride,
                      ws.q_sum.as<int32_t>() + i, ws.q_step.as<float>() + i);
  });
  return {pass.n,
          cols,
          in,
          in_stride,
          int8 ? ws.q8.as<int8_t>() : nullptr,
          ws.q8_stride,
          ws.q_sum.as<int32_t>(),
          ws.q_step.as<float>()};
}

void project(Pass& pass, const Activations& a, std::initializer_list<Projection> layers) {
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

void project_add(Pass& pass, const Activations& a, const Linear& w, float* x, size_t stride) {
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
  const bool relu2 = pass.weights.spec.activation == Activation::kRelu2;
  const auto multiply = relu2 ? pass.vector().relu2_mul : pass.vector().silu_mul;
  // Chunks of the coarser tile, so that both layers accept the same range.
  const Linear& coarse = gate.tile_rows() >= up.tile_rows() ? gate : up;
  pass.pool.parallel(chunk_count(pass, coarse), [&](size_t chunk, size_t thread) {
    const RowRange range = chunk_range(pass, coarse, chunk);
    const size_t rows = range.end - range.begin;
    ThreadScratch& scratch = pass.ws.scratch[thread];
    if (!scratch.values.ensure(2 * a.n * rows * sizeof(float)))
      return pass.no_memory.store(true);
    float* g = scratch.values.as<float>(); // [n, rows]
    float* u = g + a.n * rows;             // [n, rows]
    rows_of(pass, gate, a, range, g, rows, scratch);
    rows_of(pass, up, a, range, u, rows, scratch);
    if (counts)
      counts->closed_gates += static_cast<uint64_t>(
          std::count_if(g, g + a.n * rows, [](float gate) { return gate <= 0.0f; }));
    for (size_t i = 0; i < a.n; ++i)
      multiply(g + i * rows, u + i * rows, rows, out + i * stride + range.begin);
  });
}

} // namespace bitnet
