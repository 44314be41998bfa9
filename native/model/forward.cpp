// The forward pass, in the words of the papers: norm, attention, residual, norm, gated FFN,
// residual.
#include "forward.h"

#include <algorithm>

#include "pass.h"

namespace bitnet {
namespace {

Status embed(Pass& pass) {
  const RowTable& table = pass.weights.embedding;
  size_t row = 0;
  for (size_t i = 0; i < pass.item_count; ++i)
    for (size_t t = 0; t < pass.items[i].n; ++t, ++row) {
      const uint8_t* stored = nullptr;
      Status status = table.fetch(static_cast<size_t>(pass.items[i].tokens[t]), 1,
                                  pass.ws.scratch[0].kernel, &stored);
      if (!status.ok())
        return status;
      table.linear.dense->decode[table.linear.type](
          stored, table.cols(), pass.ws.x.as<float>() + row * pass.ws.dim_stride);
    }
  return {};
}

void count_zeros(const Activations& a, FfnCounts* counts) {
  counts->values += a.n * a.cols;
  for (size_t i = 0; i < a.n; ++i) {
    const int8_t* q = a.q + i * a.q_stride;
    const float* x = a.x + i * a.x_stride;
    counts->zero_inputs += static_cast<uint64_t>(a.q ? std::count(q, q + a.cols, int8_t{0})
                                                     : std::count(x, x + a.cols, 0.0f));
  }
}

void layer_forward(Pass& pass, size_t index) {
  const LayerWeights& layer = pass.weights.layers[index];
  const ModelSpec& spec = pass.weights.spec;
  Workspace& ws = pass.ws;
  float* x = ws.x.as<float>();
  float* attn = ws.attn.as<float>();
  float* ffn = ws.ffn.as<float>();

  const bool qkv_int8 = layer.q.is_ternary() || layer.k.is_ternary() || layer.v.is_ternary();
  Activations h = normalise(pass, x, ws.dim_stride, spec.dim, layer.attn_norm, qkv_int8);
  project(pass, h,
          {{&layer.q, ws.q.as<float>(), ws.head_stride},
           {&layer.k, ws.k.as<float>(), ws.kv_stride},
           {&layer.v, ws.v.as<float>(), ws.kv_stride}});
  rotate_and_store(pass, index);
  attention(pass, index);
  h = normalise(pass, attn, ws.head_stride, layer.o.cols, layer.attn_sub_norm,
                layer.o.is_ternary());
  project_add(pass, h, layer.o, x, ws.dim_stride);

  const bool gate_up_int8 = layer.gate.is_ternary() || layer.up.is_ternary();
  h = normalise(pass, x, ws.dim_stride, spec.dim, layer.ffn_norm, gate_up_int8);
  FfnCounts* counts = pass.counts ? pass.counts + index : nullptr;
  project_gated(pass, h, layer.gate, layer.up, ffn, ws.ffn_stride, counts);
  h = normalise(pass, ffn, ws.ffn_stride, spec.ffn_dim, layer.ffn_sub_norm,
                layer.down.is_ternary());
  if (counts)
    count_zeros(h, counts);
  project_add(pass, h, layer.down, x, ws.dim_stride);
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
  }
  if (pass.no_memory.load())
    return no_scratch();
  return {};
}

} // namespace bitnet
