// The part of adapters in a step: shrink what enters linear layers, expand it onto what leaves them.
#include "adapter.h"

#include <algorithm>

#include "step.h"

namespace bitnet {
namespace {

/** What the adapter of these rows adds to a layer; null: nothing. */
const LowRank* beside(const AdapterRows& rows, const Linear& w) {
  if (w.slot == Linear::kNoSlot)
    return nullptr;
  const LowRank& low = rows.applied.adapter->layers[w.slot];
  return low.rank == 0 ? nullptr : &low;
}

float* shrunk_of(const Step& step, const AdapterRows& rows, const LowRank& low, size_t row) {
  return step.ws.shrunk.as<float>() + row * step.ws.shrunk_stride + rows.at + low.at;
}

float factor_of(const AdapterRows& rows, const LowRank& low) {
  return static_cast<float>(rows.applied.scale * low.factor);
}

void expand(const Step& step, const LowRank& low, const float* shrunk, RowRange range, float* y) {
  const Expansion expansion = {
      .b = low.b, .rank = low.rank, .t = shrunk, .row = range.begin, .count = range.size(), .y = y};
  low.half ? step.vector().expand.f16(expansion) : step.vector().expand.f32(expansion);
}

// So many tasks for each thread, because matrices may differ in size.
constexpr size_t kTasks = 2;

} // namespace

void number_adapted(Weights& weights) {
  for (size_t layer = 0; layer < weights.layers.size(); ++layer)
    for (size_t i = 0; i < kAdaptedLayers; ++i) {
      Linear& w = weights.layers[layer].*kAdapted[i];
      if (w.rows != 0 && w.norm_in.empty() && !w.rotation)
        w.slot = layer * kAdaptedLayers + i;
    }
}

const Linear* adapted_layer(const Weights& weights, size_t slot) {
  if (slot / kAdaptedLayers >= weights.layers.size())
    return nullptr;
  const Linear& w = weights.layers[slot / kAdaptedLayers].*kAdapted[slot % kAdaptedLayers];
  return w.slot == slot ? &w : nullptr;
}

void find_adapter_rows(const BatchItem* items, size_t count, std::vector<AdapterRows>* out) {
  out->clear();
  size_t row = 0;
  for (size_t i = 0; i < count;) {
    const BatchItem& first = items[i];
    RowRange rows = {row, row};
    for (; i < count && items[i].adapter_count == first.adapter_count &&
           std::equal(first.adapters, first.adapters + first.adapter_count, items[i].adapters);
         ++i)
      rows.end += items[i].n;
    size_t at = 0;
    for (size_t j = 0; j < first.adapter_count; ++j) {
      out->push_back({first.adapters[j], rows, at});
      at += first.adapters[j].adapter->shrunk_width;
    }
    row = rows.end;
  }
}

bool has_deltas(const Step& step, std::initializer_list<const Linear*> layers) {
  for (const AdapterRows& rows : step.adapters)
    for (const Linear* layer : layers)
      if (beside(rows, *layer))
        return true;
  return false;
}

void shrink(Step& step, const Activations& a, std::initializer_list<const Linear*> layers) {
  const size_t matrices = step.adapters.size() * layers.size();
  const size_t parts = (kTasks * step.pool.threads() + matrices - 1) / matrices;
  step.pool.parallel(matrices * parts, [&](size_t task, size_t thread) {
    const AdapterRows& rows = step.adapters[task / parts / layers.size()];
    const LowRank* low = beside(rows, *layers.begin()[task / parts % layers.size()]);
    if (!low)
      return;
    const size_t most = (low->rank + parts - 1) / parts, begin = task % parts * most;
    if (begin >= low->rank)
      return;
    const RowRange range = {begin, std::min(low->rank, begin + most)};
    const Activations own = {.x = {.data = a.x.row(rows.rows.begin),
                                   .rows = rows.rows.size(),
                                   .cols = a.x.cols,
                                   .stride = a.x.stride},
                             .q = {},
                             .q_sum = nullptr,
                             .q_sums = {},
                             .q_step = nullptr};
    const Mat t = {.data = shrunk_of(step, rows, *low, rows.rows.begin) + range.begin,
                   .rows = own.n(),
                   .cols = range.size(),
                   .stride = step.ws.shrunk_stride};
    linear_rows(low->a, step.vector(), own, range, t, step.ws.scratch[thread]);
    const float factor = factor_of(rows, *low);
    for (size_t i = 0; i < t.rows; ++i)
      for (size_t r = 0; r < t.cols; ++r)
        t.row(i)[r] *= factor;
  });
}

void add_deltas(const Step& step, const Linear& w, RowRange range, Mat out) {
  for (const AdapterRows& rows : step.adapters)
    if (const LowRank* low = beside(rows, w))
      for (size_t i = rows.rows.begin; i < rows.rows.end; ++i)
        expand(step, *low, shrunk_of(step, rows, *low, i), range, out.row(i));
}

void store_deltas(const Step& step, const Linear& w, RowRange range) {
  float* delta = step.ws.deltas.as<float>();
  for (const AdapterRows& rows : step.adapters) {
    if (const LowRank* low = beside(rows, w)) {
      std::fill(delta + range.begin, delta + range.end, -0.0f); // -0 + x is x, also of a zero
      expand(step, *low, shrunk_of(step, rows, *low, 0), range, delta + range.begin);
    }
    delta += w.rows;
  }
}

void add_stored_deltas(const Step& step, const Linear& w, const int32_t* ids, size_t count,
                       float* out) {
  const float* delta = step.ws.deltas.as<float>();
  for (const AdapterRows& rows : step.adapters) {
    for (size_t i = 0; i < count && beside(rows, w); ++i)
      out[i] += delta[ids[i]];
    delta += w.rows;
  }
}

void add_embedding_deltas(const Step& step, size_t row, int32_t token, float* x) {
  for (const AdapterRows& rows : step.adapters) {
    const LowRank& low = rows.applied.adapter->embedding;
    if (low.rank == 0 || row < rows.rows.begin || row >= rows.rows.end)
      continue;
    const DenseRows& dense = std::get<DenseRows>(low.a.layout);
    float* t = shrunk_of(step, rows, low, row);
    dense.kernel->decode[dense.type](
        low.a.data.data() + static_cast<size_t>(token) * dense.row_bytes, low.rank, t);
    for (size_t k = 0; k < low.rank; ++k)
      t[k] *= factor_of(rows, low);
    expand(step, low, t, {0, step.weights.spec.dim}, x);
  }
}

} // namespace bitnet
