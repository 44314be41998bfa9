// The forward pass, in the words of the papers: norm, attention or a recurrent layer, residual, norm,
// gated FFN, residual.
#include "forward.h"

#include <algorithm>

#include "step.h"

namespace bitnet {
namespace {

Status embed(Step& step) {
  const RowTable& table = step.weights.embedding;
  const DenseRows& dense = table.stored();
  const float scale = step.weights.spec.embedding_scale;
  size_t row = 0;
  for (size_t i = 0; i < step.item_count; ++i)
    for (size_t t = 0; t < step.items[i].n; ++t, ++row) {
      const uint8_t* stored = nullptr;
      Status status = table.fetch(static_cast<size_t>(step.items[i].tokens[t]), 1,
                                  step.ws.scratch[0].kernel.data(), &stored);
      if (!status.ok())
        return status;
      float* x = step.ws.x.row(row);
      dense.kernel->decode[dense.type](stored, table.cols(), x);
      if (table.linear.rotation)
        table.linear.rotation->undo(step.vector(), x);
      add_embedding_deltas(step, row, step.items[i].tokens[t], x);
      for (size_t d = 0; scale != 1.0f && d < table.cols(); ++d)
        x[d] *= scale;
    }
  return {};
}

void attention_forward(Step& step, size_t index) {
  const LayerWeights& layer = step.weights.layers[index];
  Workspace& ws = step.ws;
  Activations h = normalize(step, ws.x, layer.attn_norm, {&layer.q, &layer.k, &layer.v});
  project(step, h, {{&layer.q, ws.q}, {&layer.k, ws.k}, {&layer.v, ws.v}});
  norm_rotate_and_store(step, index);
  attention(step, index);
  h = normalize(step, ws.attn, layer.attn_sub_norm, {&layer.o});
  project_add(step, h, layer.o, layer.attn_post_norm, ws.x);
}

void recurrent_forward(Step& step, size_t index) {
  const LayerWeights& layer = step.weights.layers[index];
  Workspace& ws = step.ws;
  Activations h;
  if (layer.qkv.rotation) { // which is not for the other two
    h = normalize(step, ws.x, layer.attn_norm, {&layer.qkv, &layer.state_gate});
    project(step, h, {{&layer.qkv, ws.qkv}, {&layer.state_gate, ws.state_gate}});
    h = normalize(step, ws.x, layer.attn_norm, {&layer.decay_in, &layer.beta_in});
    project(step, h, {{&layer.decay_in, ws.decay}, {&layer.beta_in, ws.beta}});
  } else {
    h = normalize(step, ws.x, layer.attn_norm,
                  {&layer.qkv, &layer.state_gate, &layer.decay_in, &layer.beta_in});
    project(step, h,
            {{&layer.qkv, ws.qkv},
             {&layer.state_gate, ws.state_gate},
             {&layer.decay_in, ws.decay},
             {&layer.beta_in, ws.beta}});
  }
  delta_net(step, index);
  h = normalize(step, ws.state_gate, layer.attn_sub_norm, {&layer.state_out});
  project_add(step, h, layer.state_out, layer.attn_post_norm, ws.x);
}

// Attention beside a state space, which reads the same.
void attention_and_state_space_forward(Step& step, size_t index) {
  const LayerWeights& layer = step.weights.layers[index];
  Workspace& ws = step.ws;
  Activations h =
      normalize(step, ws.x, layer.attn_norm, {&layer.q, &layer.k, &layer.v, &layer.state_in});
  project(step, h,
          {{&layer.q, ws.q}, {&layer.k, ws.k}, {&layer.v, ws.v}, {&layer.state_in, ws.state_in}});
  norm_rotate_and_store(step, index);
  attention(step, index);
  state_space(step, index);
  h = normalize(step, ws.attn, {}, {&layer.o});
  project_add(step, h, layer.o, {}, ws.x);
  h = normalize(step, ws.state_read, {}, {&layer.state_out});
  project_add(step, h, layer.state_out, {}, ws.x);
}

void mix_tokens(Step& step, size_t index) {
  const ModelSpec& spec = step.weights.spec;
  if (!spec.is_recurrent(index))
    attention_forward(step, index);
  else if (spec.attends(index))
    attention_and_state_space_forward(step, index);
  else
    recurrent_forward(step, index);
}

void layer_forward(Step& step, size_t index) {
  const LayerWeights& layer = step.weights.layers[index];
  FfnCounts* counts = step.counts ? step.counts + index : nullptr;
  Workspace& ws = step.ws;
  mix_tokens(step, index);

  Activations h;
  if (step.weights.spec.n_expert != 0) {
    h = normalize(step, ws.x, layer.ffn_norm, {&layer.router});
    return mix_experts(step, index, h, ws.x, counts);
  }
  h = normalize(step, ws.x, layer.ffn_norm, {&layer.gate, &layer.up});
  project_gated(step, h, layer.gate, layer.up, ws.ffn, counts);
  h = normalize(step, ws.ffn, layer.ffn_sub_norm, {&layer.down});
  count_zeros(h, counts);
  project_add(step, h, layer.down, layer.ffn_post_norm, ws.x);
}

void keep_streams(const Step& step, size_t layer) {
  const size_t dim = step.weights.spec.dim;
  size_t row = 0;
  for (size_t i = 0; i < step.item_count; ++i) {
    const auto& [out, rows, skip] = step.items[i].streams;
    for (size_t t = skip; out && t < step.items[i].n; ++t)
      std::copy_n(step.ws.x.row(row + t), dim, out + (layer * rows + t - skip) * dim);
    row += step.items[i].n;
  }
}

void report(const Step& step, size_t layers_done) {
  const auto all = static_cast<int64_t>(step.weights.layers.size());
  for (size_t i = 0; i < step.item_count; ++i) {
    const StepProgress& progress = step.items[i].progress;
    const int64_t part = progress.end - progress.begin;
    if (progress.done)
      progress.done->store(progress.begin +
                               static_cast<int32_t>(part * static_cast<int64_t>(layers_done) / all),
                           std::memory_order_relaxed);
  }
}

} // namespace

Status forward(const Weights& weights, Workspace& workspace, ThreadPool& pool,
               const BatchItem* items, size_t count, FfnCounts* counts,
               std::span<const AdapterRows> adapters) {
  Step step{weights, workspace, pool, items, count, 0, counts, adapters};
  for (size_t i = 0; i < count; ++i)
    step.n += items[i].n;
  Status status = embed(step);
  if (!status.ok())
    return status;
  fill_rope(step);
  for (size_t layer = 0; layer < weights.layers.size(); ++layer) {
    if (std::all_of(items, items + count, [](const BatchItem& i) { return i.abort->raised(); }))
      return Status::error(Code::kAborted, "The evaluation was aborted.");
    layer_forward(step, layer);
    keep_streams(step, layer);
    report(step, layer + 1);
  }
  return {};
}

} // namespace bitnet
