// The forward pass, in the words of the papers: norm, attention, residual, norm, gated FFN,
// residual.
#include "forward.h"

#include <algorithm>

#include "pass.h"

namespace bitnet {
namespace {

Status embed(Pass& pass) {
  const RowTable& table = pass.weights.embedding;
  const float scale = pass.weights.spec.embedding_scale;
  size_t row = 0;
  for (size_t i = 0; i < pass.item_count; ++i)
    for (size_t t = 0; t < pass.items[i].n; ++t, ++row) {
      const uint8_t* stored = nullptr;
      Status status = table.fetch(static_cast<size_t>(pass.items[i].tokens[t]), 1,
                                  pass.ws.scratch[0].kernel, &stored);
      if (!status.ok())
        return status;
      float* x = pass.ws.x.as<float>() + row * pass.ws.dim_stride;
      table.linear.dense->decode[table.linear.type](stored, table.cols(), x);
      for (size_t d = 0; scale != 1.0f && d < table.cols(); ++d)
        x[d] *= scale;
    }
  return {};
}

void count_zeros(const Activations& a, FfnCounts* counts) {
  const auto zeros = [&a](const auto* rows, size_t stride) {
    uint64_t count = 0;
    for (size_t i = 0; i < a.n; ++i)
      count += static_cast<uint64_t>(std::count(rows + i * stride, rows + i * stride + a.cols, 0));
    return count;
  };
  counts->values += a.n * a.cols;
  counts->zero_inputs += a.q ? zeros(a.q, a.q_stride) : zeros(a.x, a.x_stride);
}

void layer_forward(Pass& pass, size_t index) {
  const LayerWeights& layer = pass.weights.layers[index];
  const ModelSpec& spec = pass.weights.spec;
  Workspace& ws = pass.ws;
  float* x = ws.x.as<float>();
  float* attn = ws.attn.as<float>();
  float* ffn = ws.ffn.as<float>();

  Activations h = normalise(pass, x, ws.dim_stride, spec.dim, layer.attn_norm,
                            form_for({&layer.q, &layer.k, &layer.v}));
  project(pass, h,
          {{&layer.q, ws.q.as<float>(), ws.head_stride},
           {&layer.k, ws.k.as<float>(), ws.kv_stride},
           {&layer.v, ws.v.as<float>(), ws.kv_stride}});
  norm_rotate_and_store(pass, index);
  attention(pass, index);
  h = normalise(pass, attn, ws.head_stride, layer.o.cols, layer.attn_sub_norm,
                form_for({&layer.o}));
  project_add(pass, h, layer.o, layer.attn_post_norm, x, ws.dim_stride);

  h = normalise(pass, x, ws.dim_stride, spec.dim, layer.ffn_norm,
                form_for({&layer.gate, &layer.up}));
  FfnCounts* counts = pass.counts ? pass.counts + index : nullptr;
  project_gated(pass, h, layer.gate, layer.up, ffn, ws.ffn_stride, counts);
  h = normalise(pass, ffn, ws.ffn_stride, spec.ffn_dim, layer.ffn_sub_norm,
                form_for({&layer.down}));
  if (counts)
    count_zeros(h, counts);
  project_add(pass, h, layer.down, layer.ffn_post_norm, x, ws.dim_stride);
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

Status no_scratch() {
  return Status::error(Code::kMemory,
                       "Not enough memory for the working values of a forward pass.");
}

} // namespace

Status forward(const Weights& weights, Workspace& workspace, ThreadPool& pool,
               const BatchItem* items, size_t count, FfnCounts* counts) {
  Pass pass{weights, workspace, pool, items, count, 0, counts, {}};
  for (size_t i = 0; i < count; ++i)
    pass.n += items[i].n;
  Status status = workspace.ensure(pass.n);
  if (!status.ok())
    return status;
  status = embed(pass);
  if (!status.ok())
    return status;
  for (size_t layer = 0; layer < weights.layers.size(); ++layer) {
    if (std::all_of(items, items + count, [](const BatchItem& i) { return i.abort->raised(); }))
      return Status::error(Code::kAborted, "The evaluation was aborted.");
    layer_forward(pass, layer);
    report(pass, layer + 1);
  }
  if (pass.no_memory.load())
    return no_scratch();
  return {};
}

} // namespace bitnet
