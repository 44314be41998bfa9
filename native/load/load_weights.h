// Reads all weights of a model into the layouts of its plan, on several threads.
#pragma once
#include <memory>
#include <string>

#include "../common/thread_pool.h"
#include "../graph/weights.h"
#include "load_control.h"
#include "load_plan.h"
#include "prepared_weights.h"

namespace bitnet {

/** What became of the prepared file of a load. */
struct PreparedOutcome {
  bool used = false;
  std::string fault; // why it was not, though it is there: "its checksum is wrong"
};

/**
 * Reads and packs every tensor of `spec` as planned, on the threads of `pool`. What `prepared` holds
 * is not packed again; null: nothing. One that is damaged is as good as none.
 */
Status load_weights(ModelSpec spec, LoadPlan plan, ThreadPool& pool, const LoadControl& control,
                    std::shared_ptr<Weights>* out, const PreparedFile* prepared = nullptr,
                    PreparedOutcome* outcome = nullptr);

/**
 * Reads again, in place, the matrices that `plan` holds otherwise. Nothing may use the weights
 * meanwhile; after an error they are invalid and must be discarded.
 */
Status replan_weights(Weights& weights, const LoadPlan& plan, ThreadPool& pool,
                      const LoadControl& control);

} // namespace bitnet
