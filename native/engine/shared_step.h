// One step for several evaluations: the weights are read once for all of them.
#pragma once
#include "../common/thread_pool.h"
#include "evaluate.h"

namespace bitnet {

/** An evaluation's part of a step. */
struct StepPart {
  Evaluation* evaluation;
  size_t n;       // its next tokens, 1..remaining()
  size_t row = 0; // of the first of them: run_step's
};

/**
 * Runs one step with the next tokens of every evaluation that is not aborted.
 *
 * Each gets the bits it would get alone. Aborts and errors are each evaluation's own: when a step
 * fails, its evaluations run one by one.
 *
 * @param parts [count], 1..plan.batch tokens together, of evaluations of one model and of different
 *     caches, none of them over; reordered. One that runs_alone() is the only one.
 */
void run_step(ThreadPool& pool, StepPart* parts, size_t count);

} // namespace bitnet
