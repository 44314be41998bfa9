// What every step of one forward pass needs at hand, and the steps that all layers are made of.
#pragma once
#include <atomic>
#include <initializer_list>

#include "forward.h"

namespace bitnet {

struct Pass {
  const Weights& weights;
  Workspace& ws;
  ThreadPool& pool;
  const BatchItem* items;
  size_t item_count;
  size_t n;                           // tokens of all items
  FfnCounts* counts;                  // [n_layer] or null
  std::atomic<bool> no_memory{false}; // set by a thread whose scratch could not grow

  const VectorKernel& vector() const { return *weights.kernels.vector; }
};

/** What linear layers read of their input. */
enum class Form { kFloat, kInt8, kBoth };

/** What these layers, which share an input, read of it. */
Form form_for(std::initializer_list<const Linear*> layers);

/**
 * Rows of x as input of linear layers: RMSNorm with `norm` (none when empty), rounded to int8
 * unless only floats are read. The result lives in ws.h, ws.q8 (or x itself) until the next call;
 * floats that are not read are not kept, and then its x is null after a norm.
 */
Activations normalise(Pass& pass, const float* x, size_t stride, size_t cols,
                      const std::vector<float>& norm, Form form);

/** Where one linear layer's result goes. */
struct Projection {
  const Linear* w;
  float* out; // [n, out_stride]
  size_t out_stride;
};

/**
 * Several layers of the same input, shared out as if they were one matrix. Where layers norm what
 * enters them, one after the other; `a` is used up.
 */
void project(Pass& pass, const Activations& a, std::initializer_list<Projection> layers);

/** x += W a, or the RMSNorm of W a where there is a `post_norm`: the end of a residual branch. */
void project_add(Pass& pass, const Activations& a, const Linear& w,
                 const std::vector<float>& post_norm, float* x, size_t stride);

/** out = activation(gate a) * (up a); counts closed gates when asked to. `a` is used up. */
void project_gated(Pass& pass, const Activations& a, const Linear& gate, const Linear& up,
                   float* out, size_t stride, FfnCounts* counts);

/**
 * Norms the heads of q and k where the graph does, rotates them, writes k and v into the caches;
 * fills ws.rope on the first layer.
 */
void norm_rotate_and_store(Pass& pass, size_t layer);

/**
 * ws.attn = softmax(q kᵀ * attention_scale, causal and in the window) v, from ws.q and the caches.
 */
void attention(Pass& pass, size_t layer);

} // namespace bitnet
