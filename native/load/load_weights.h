// Reads all weights of a model into the layouts of its plan, on several threads.
#pragma once
#include <atomic>
#include <memory>

#include "../common/abort.h"
#include "../common/thread_pool.h"
#include "../graph/weights.h"
#include "load_plan.h"

namespace bitnet {

/** Lets a load be watched and stopped from another thread. */
struct LoadControl {
  Abort abort;
  std::atomic<int32_t>* progress; // 0..1000
};

/** Reads and packs every tensor of `spec` as planned, on the threads of `pool`. */
Status load_weights(ModelSpec spec, LoadPlan plan, ThreadPool& pool, const LoadControl& control,
                    std::shared_ptr<Weights>* out);

/**
 * Reads again, in place, the matrices that `plan` holds otherwise. Nothing may use the weights
 * meanwhile; after an error they are invalid and must be discarded.
 */
Status replan_weights(Weights& weights, const LoadPlan& plan, ThreadPool& pool,
                      const LoadControl& control);

} // namespace bitnet
