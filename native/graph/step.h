// What the operations of one step need at hand, and the operations that all layers are made of.
#pragma once
#include <initializer_list>
#include <span>

#include "forward.h"

namespace bitnet {

struct Step {
  const Weights& weights;
  Workspace& ws;
  ThreadPool& pool;
  const BatchItem* items;
  size_t item_count;
  size_t n;          // tokens of all items
  FfnCounts* counts; // [n_layer] or null
  std::span<const AdapterRows> adapters;

  const VectorKernel& vector() const { return *weights.kernels.vector; }
};

/**
 * Rows of x as input of `layers`: normed with `norm` (not when it is empty), rotated as the first of
 * them wants it, which all do, and rounded to int8 unless they read only floats. The result lives in
 * ws.h, ws.q8 (or x itself) and, for adapters, ws.shrunk until the next call; floats
 * that none of them reads are not kept.
 */
Activations normalize(Step& step, ConstMat x, const std::vector<float>& norm,
                      std::initializer_list<const Linear*> layers);
Activations normalize(Step& step, ConstMat x, const std::vector<float>& norm, ActivationTypes types,
                      const Rotation* rotation = nullptr);

/** Whether an adapter of any row adds something to one of these layers. */
bool has_deltas(const Step& step, std::initializer_list<const Linear*> layers);

/** ws.shrunk = factor A x of every adapter for the layers that share x, which `a` holds as floats. */
void shrink(Step& step, const Activations& a, std::initializer_list<const Linear*> layers);

/**
 * out[i] += B (ws.shrunk of row i) in rows of the range, for every token i and each of its adapters
 * in order: on any thread, for what linear_rows has made of the same range. out: [n, rows.size()]
 */
void add_deltas(const Step& step, const Linear& w, RowRange rows, Mat out);

/** For one token: keeps what each adapter adds to these rows of w, and nothing else, in ws.deltas. */
void store_deltas(const Step& step, const Linear& w, RowRange rows);

/** out[i] += what was kept for row ids[i], as add_deltas would. */
void add_stored_deltas(const Step& step, const Linear& w, const int32_t* ids, size_t count,
                       float* out);

/** x += B (factor A[token]) of the adapters that this row of the step uses. */
void add_embedding_deltas(const Step& step, size_t row, int32_t token, float* x);

/** Sums of every kGroupSumCols of `cols` values and of the zeros that follow them. */
void sum_groups(const int8_t* q, size_t cols, int32_t* sums);

/** Where one linear layer's result goes. */
struct Projection {
  const Linear* w;
  Mat out; // [n, w->rows]
};

/**
 * Several layers of the same input, shared out as if they were one matrix. Where layers norm what
 * enters them, one after the other; `a` is used up.
 */
void project(Step& step, const Activations& a, std::initializer_list<Projection> layers);

/**
 * x += residual_scale * W a, or of the norm of W a where there is a `post_norm`: the end of a
 * residual branch.
 */
void project_add(Step& step, const Activations& a, const Linear& w,
                 const std::vector<float>& post_norm, Mat x);

/** out = activation(gate a) * (up a); counts inactive neurons when asked to. `a` is used up. */
void project_gated(Step& step, const Activations& a, const Linear& gate, const Linear& up, Mat out,
                   FfnCounts* counts);

/** y = activation(g) * u, `count` values; y may be g. */
using GateProduct = void (*)(const float* g, const float* u, size_t count, float* y);
GateProduct gate_product(const Step& step);

/** Counts gates that are at most 0; nothing without `counts`. */
void count_inactive(const float* gates, size_t count, FfnCounts* counts);

/** Counts the zeros among inputs of a down projection; nothing without `counts`. */
void count_zeros(const Activations& a, FfnCounts* counts);

/**
 * Rows that a thread takes at a time of two layers with the same rows: whole tiles of both, so that
 * both accept the same ranges.
 */
size_t common_chunk_rows(const Linear& a, const Linear& b, size_t threads, size_t n);

/**
 * x += weight * expert(h) for the experts that the router chooses for each token, one after the
 * other in the order of their numbers, products rounded. `h` holds the router's input as floats.
 */
void mix_experts(Step& step, size_t layer, const Activations& h, Mat x, FfnCounts* counts);

/** What mix_experts takes of a thread's memory. */
ScratchBytes expert_scratch(const ExpertKinds& kinds, size_t threads, size_t n);

/** What all of these take of a thread's memory in a step of `n` tokens. */
ScratchBytes projection_scratch(const Weights& weights, size_t threads, size_t n);

/** Chunks in which a layer's gates are computed for one token, at most. */
size_t most_gate_chunks(const Weights& weights, size_t threads);

/** Fills ws.rope: once for all layers. */
void fill_rope(Step& step);

/**
 * Clamps q, k and v and norms q and k where the graph does, rotates them, writes k and v into the
 * caches.
 */
void norm_rotate_and_store(Step& step, size_t layer);

/**
 * ws.attn = softmax(q kᵀ * attention_scale, causal and in the window) v, from ws.q and the caches;
 * times the sigmoid of the gates where attention is gated.
 */
void attention(Step& step, size_t layer);

/**
 * ws.state_gate = silu(ws.state_gate) * RMSNorm of what the gated delta net of a recurrent layer makes
 * of ws.qkv, ws.decay and ws.beta and the states of the caches.
 */
void delta_net(Step& step, size_t layer);

/**
 * ws.state_read = what the state space of a recurrent layer makes of ws.state_in and the states of the
 * caches, times silu of its gates; of each group of heads the RMSNorm, where the graph has one.
 */
void state_space(Step& step, size_t layer);

/**
 * Bytes a thread needs to attend with `tokens` tokens and the query heads of one KV head, whose
 * rows are padded to `width`.
 */
size_t attention_scratch(const ModelSpec& spec, size_t width, size_t tokens);

} // namespace bitnet
