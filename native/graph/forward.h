// The transformer's forward pass over a batch that may mix several sequences.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <span>
#include <vector>

#include "../common/abort.h"
#include "../common/status.h"
#include "../common/thread_pool.h"
#include "adapter.h"
#include "sequence_cache.h"
#include "weights.h"
#include "workspace.h"

namespace bitnet {

/** Where an evaluation says how far it has come, in thousandths, and which of them a step does. */
struct StepProgress {
  std::atomic<int32_t>* done; // nullptr: nobody asks
  int32_t begin, end;
};

/** Where an evaluation keeps what layers leave in the residual stream: [n_layer, rows, dim]. */
struct LayerStreams {
  float* out = nullptr; // where that of the first token that is kept goes, of the first layer
  size_t rows = 0;
  size_t skip = 0; // tokens before the first that is kept
};

/** Tokens to append to one sequence. A sequence appears once in a batch. */
struct BatchItem {
  SequenceCache* cache;  // prepared
  const int32_t* tokens; // [n], each in [0, vocab_size)
  size_t n;              // position + n <= context
  const Abort* abort;
  StepProgress progress;
  LayerStreams streams = {};
  const AppliedAdapter* adapters = nullptr; // [adapter_count] what they add is added in this order
  size_t adapter_count = 0;
};

/** Which rows of a step with these items use which adapters; items alike that are neighbors share. */
void find_adapter_rows(const BatchItem* items, size_t count, std::vector<AdapterRows>* out);

/** What the activations of one layer's FFN were like, to tell whether skipping zeros would pay. */
struct FfnCounts {
  std::atomic<uint64_t> inactive_neurons{0}; // gate outputs <= 0
  std::atomic<uint64_t> zero_inputs{0}; // zeros, of int8 or f32, that enter the down projection
  std::atomic<uint64_t> values{0};      // of each kind
};

/**
 * Runs all items through all layers, in a workspace that has room for their tokens. Leaves their
 * residual streams in workspace.x, one row per token in item order, and their keys, values and states
 * behind each cache's `position`, for the caller to append. Ends early when the aborts of
 * all items are raised; one that is raised among others changes nothing here. `counts`, when
 * given, is [n_layer] and is added to. `adapters`: those of the items, which the workspace has room
 * for.
 */
Status forward(const Weights& weights, Workspace& workspace, ThreadPool& pool,
               const BatchItem* items, size_t count, FfnCounts* counts = nullptr,
               std::span<const AdapterRows> adapters = {});

} // namespace bitnet
