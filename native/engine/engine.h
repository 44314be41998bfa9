// The native thread on which models compute, so that JavaScript's threads never do.
#pragma once
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "../common/thread_pool.h"
#include "model_queue.h"
#include "shared_step.h"

namespace bitnet {

/**
 * A runner thread and its pool. What waits for the same model runs together, a step at a time; models
 * take turns by their shares of the time.
 */
class Engine {
public:
  explicit Engine(size_t threads);
  /** After all queues. */
  ~Engine();

  size_t threads() const { return pool_.threads(); }

private:
  friend class ModelQueue;
  using Jobs = ModelQueue::Jobs;

  void run();
  ModelQueue* gather(std::unique_lock<std::mutex>& lock);
  Clock::time_point worth_waiting(const ModelQueue& queue, Clock::time_point now) const;
  ModelQueue* next_queue(Clock::time_point now);
  double target(Clock::time_point now) const;
  void plan(ModelQueue& queue);
  void step(ModelQueue& queue, std::unique_lock<std::mutex>& lock, Jobs& over);

  ThreadPool pool_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<ModelQueue*> queues_;
  double time_ = 0; // of the model whose turn was the last, see Turns
  bool stop_ = false;
  uint64_t changes_ = 0; // of what waits and runs
  // Evaluations outside of generations: those that the last step ended well, and that came since then.
  size_t expected_ = 0;
  size_t arrived_ = 0;
  Clock::time_point ended_;   // when the last step did
  Clock::duration took_ = {}; // how long it ran
  std::array<StepPart, kMaxBatch> parts_;
  size_t part_count_ = 0;
  std::thread runner_; // last: it uses everything above
};

/**
 * The process's engine with that many threads: models that ask for the same number share it, so
 * that two models do not compete for the same cores. It lives as long as anyone uses it. At the
 * system's thread limit it has fewer threads, or is null when none can be started.
 */
std::shared_ptr<Engine> shared_engine(size_t threads);

} // namespace bitnet
