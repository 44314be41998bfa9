// Which ternary kernel suits a matrix shape on this machine, found out by timing.
#pragma once
#include <stdint.h>

#include <chrono>
#include <vector>

#include "../common/abort.h"
#include "../common/thread_pool.h"
#include "../kernels/kernels.h"

namespace bitnet {

struct MatrixShape {
  uint64_t rows;
  uint64_t cols;
};

/** The best of several passes, in 10^9 weights times tokens per second. */
struct KernelTiming {
  const TernaryKernel* kernel;
  double token; // one token: weights come from memory
  double batch; // 64 tokens; 0 where it was not needed for the choice
};

/** A shape's timings, in the order of the candidates, and the one to use. */
struct ShapeTiming {
  MatrixShape shape;
  const TernaryKernel* best;
  std::vector<KernelTiming> timings;
};

/**
 * Weights of all candidates for one shape, equal slices. By the time a candidate's turn comes again
 * the others have read theirs, so that its own come from where a whole model's weights would: from
 * memory, unless the last-level cache is larger than this. (Four slices of 8 MiB stay in one of 32
 * MiB, and there another kernel won.)
 */
constexpr size_t kTrialBytes = size_t{64} << 20;

/**
 * Times every candidate on random weights of every shape, all threads of `pool` at once. Of those
 * less than 5 % behind the fastest with one token the first is the best, unless a later one is more
 * than 5 % faster with a batch. Past the budget every candidate is still timed a few times.
 * Shapes there was no memory for, and all where an abort is raised, are left out.
 * `weights_bytes` is what the candidates' weights of a shape take together (see kTrialBytes).
 */
std::vector<ShapeTiming> time_kernels(const std::vector<MatrixShape>& shapes,
                                      const std::vector<const TernaryKernel*>& candidates,
                                      const VectorKernel& vector, ThreadPool& pool,
                                      std::chrono::steady_clock::duration budget,
                                      const Abort& abort, size_t weights_bytes = kTrialBytes);

} // namespace bitnet
