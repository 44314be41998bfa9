// The transformer's forward pass over a batch that may mix several sequences.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "../common/abort.h"
#include "../common/status.h"
#include "../common/thread_pool.h"
#include "kv_cache.h"
#include "weights.h"
#include "workspace.h"

namespace bitnet {

/** Tokens to append to one sequence. A sequence appears once in a batch. */
struct BatchItem {
  KvCache* cache;
  const int32_t* tokens; // [n], each in [0, vocab)
  size_t n;              // position + n <= context
};

/** Tokens of one pass: more share each weight read, but wait longer for an abort. */
constexpr size_t kMaxBatch = 512;

/**
 * Runs all items through all layers: leaves their residual streams in workspace.x, one row per
 * token in item order, and advances the caches. On an error or abort no position moves.
 */
Status forward(const Weights& weights, Workspace& workspace, ThreadPool& pool,
               const BatchItem* items, size_t count, const Abort& abort);

/**
 * logits[i] = head · RMSNorm(workspace.x[rows[i]]) for `n` rows; logits: [n, vocab].
 */
Status output_logits(const Weights& weights, Workspace& workspace, ThreadPool& pool,
                     const size_t* rows, size_t n, float* logits);

} // namespace bitnet
