// The forward pass, in the words of the papers: norm, attention, residual, norm, gated FFN,
// residual.
#include "forward.h"

#include "pass.h"

namespace bitnet {
namespace {

void embed(Pass& pass) {
  const Linear& table = pass.weights.embedding;
  size_t row = 0;
  for (size_t i = 0; i < pass.item_count; ++i)
    for (size_t t = 0; t < pass.items[i].n; ++t, ++row)
      table.dense->decode[table.type](
          table.data.data() + static_cast<size_t>(pass.items[i].tokens[t]) * table.row_bytes,
          table.cols, pass.ws.x.as<float>() + row * pass.ws.dim_stride);
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
  project_gated(pass, h, layer.gate, layer.up, ffn, ws.ffn_stride);
  h = normalise(pass, ffn, ws.ffn_stride, spec.ffn_dim, layer.ffn_sub_norm,
                layer.down.is_ternary());
  project_add(pass, h, layer.down, x, ws.dim_stride);
}

Status no_scratch() {
  return Status::error(Code::kMemory,
                       "Not enough memory for the working values of a forward pass.");
}

} // namespace

Status forward(const Weights& weights, Workspace& workspace, ThreadPool& pool,
               const BatchItem* items, size_t count, const Abort& abort) {
  Pass pass{weights, workspace, pool, items, count, 0, {}};
  for (size_t i = 0; i < count; ++i)
    pass.n += items[i].n;
  Status status = workspace.ensure(pass.n);
  if (!status.ok())
    return status;
  embed(pass);
  for (size_t layer = 0; layer < weights.layers.size(); ++layer) {
    if (abort.raised())
      return Status::error(Code::kAborted, "The evaluation was aborted.");
    layer_forward(pass, layer);
  }
  if (pass.no_memory.load())
    return no_scratch();
  for (size_t i = 0; i < count; ++i)
    items[i].cache->position += items[i].n;
  return {};
}

Status output_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, const size_t* rows,
                     size_t n, float* logits) {
  Pass pass{weights, ws, pool, nullptr, 0, n, {}};
  const Linear& head = weights.head();
  float* h = ws.h.as<float>();
  for (size_t i = 0; i < n; ++i) {
    pass.vector().rms_norm(ws.x.as<float>() + rows[i] * ws.dim_stride, weights.output_norm.data(),
                           weights.spec.dim, weights.spec.norm_eps, h + i * ws.wide_stride);
    for (size_t k = weights.spec.dim; k < ws.dim_stride; ++k)
      h[i * ws.wide_stride + k] = 0.0f;
  }
  const Activations a{n, weights.spec.dim, h, ws.wide_stride, nullptr, 0, nullptr, nullptr};
  project(pass, a, {{&head, logits, head.rows}});
  return pass.no_memory.load() ? no_scratch() : Status{};
}

} // namespace bitnet
