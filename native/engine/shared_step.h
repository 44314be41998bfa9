// One step for several evaluations: the weights are read once for all of them.
#pragma once
#include "../common/thread_pool.h"
#include "evaluate.h"

namespace bitnet {

/**
 * Runs one step with the next tokens of every evaluation that is not aborted. One alone gets as
 * many as the workspace has room for. Several get equal parts of kSharedTokens and one token each
 * besides, so that those with a token to go need not wait long for one with a long prompt.
 *
 * Each gets the bits it would get alone. Aborts and errors are each evaluation's own: when a step
 * fails, its evaluations run one by one.
 *
 * @param count 1..plan.batch evaluations of one model and of different caches, none of them over;
 *     one that runs_alone() is the only one
 */
void run_step(ThreadPool& pool, Evaluation* const* evaluations, size_t count);

/**
 * Enough tokens that the products run about as fast as they can, in a fraction of a full step's
 * time.
 */
constexpr size_t kSharedTokens = 128;

} // namespace bitnet
