// The forward pass, in the words of the papers: norm, attention, residual, norm, gated FFN,
// residual.
#include "forward.h"

#include <algorithm>

#include "pass.h"

namespace bitnet {
namespace {

Status embed(Pass& pass) {
  const RowTable& table = pass.weights.embedding;
  const DenseRows& dense = table.stored();
  const float scale = pass.weights.spec.embedding_scale;
  size_t row = 0;
  for (size_t i = 0; i < pass.item_count; ++i)
    for (size_t t = 0; t < pass.items[i].n; ++t, ++row) {
      const uint8_t* stored = nullptr;
      Status status = table.fetch(static_cast<size_t>(pass.items[i].tokens[t]), 1,
                                  pass.ws.scratch[0].kernel.data(), &stored);
      if (!status.ok())
        return status;
      float* x = pass.ws.x.row(row);
      dense.kernel->decode[dense.type](stored, table.cols(), x);
      for (size_t d = 0; scale != 1.0f && d < table.cols(); ++d)
        x[d] *= scale;
    }
  return {};
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

void layer_forward(Pass& pass, size_t index) {
  const LayerWeights& layer = pass.weights.layers[index];
  FfnCounts* counts = pass.counts ? pass.counts + index : nullptr;
  Workspace& ws = pass.ws;

  Activations h = normalise(pass, ws.x, layer.attn_norm, {&layer.q, &layer.k, &layer.v});
  project(pass, h, {{&layer.q, ws.q}, {&layer.k, ws.k}, {&layer.v, ws.v}});
  norm_rotate_and_store(pass, index);
  attention(pass, index);
  h = normalise(pass, ws.attn, layer.attn_sub_norm, {&layer.o});
  project_add(pass, h, layer.o, layer.attn_post_norm, ws.x);

  h = normalise(pass, ws.x, layer.ffn_norm, {&layer.gate, &layer.up});
  project_gated(pass, h, layer.gate, layer.up, ws.ffn, counts);
  h = normalise(pass, ws.ffn, layer.ffn_sub_norm, {&layer.down});
  count_zeros(h, counts);
  project_add(pass, h, layer.down, layer.ffn_post_norm, ws.x);
}

void report(const Pass& pass, size_t layers_done) {
  const auto all = static_cast<int64_t>(pass.weights.layers.size());
  for (size_t i = 0; i < pass.item_count; ++i) {
    const PassProgress& progress = pass.items[i].progress;
    const int64_t part = progress.end - progress.begin;
    if (progress.done)
      progress.done->store(progress.begin +
                               static_cast<int32_t>(part * static_cast<int64_t>(layers_done) / all),
                           std::memory_order_relaxed);
  }
}

} // namespace

Status forward(const Weights& weights, Workspace& workspace, ThreadPool& pool,
               const BatchItem* items, size_t count, FfnCounts* counts) {
  Pass pass{weights, workspace, pool, items, count, 0, counts};
  for (size_t i = 0; i < count; ++i)
    pass.n += items[i].n;
  Status status = embed(pass);
  if (!status.ok())
    return status;
  for (size_t layer = 0; layer < weights.layers.size(); ++layer) {
    if (std::all_of(items, items + count, [](const BatchItem& i) { return i.abort->raised(); }))
      return Status::error(Code::kAborted, "The evaluation was aborted.");
    layer_forward(pass, layer);
    report(pass, layer + 1);
  }
  return {};
}

} // namespace bitnet
