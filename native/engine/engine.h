// The native thread on which models compute, so that JavaScript's threads never do.
#pragma once
#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "../common/thread_pool.h"
#include "evaluate.h"

namespace bitnet {

/** An evaluation and whoever waits for it. */
class Job {
public:
  explicit Job(const Evaluation& e) : evaluation(e) {}
  virtual ~Job() = default;
  /** Called once, on the engine's thread, when the evaluation is over. */
  virtual void finished() = 0;

  Evaluation evaluation;
};

/**
 * A runner thread and its pool. Evaluations of the same model that wait together run together, a
 * step at a time; models take turns.
 */
class Engine {
public:
  explicit Engine(size_t threads);
  ~Engine();

  /** At most one job of a KV cache at a time. */
  void submit(std::unique_ptr<Job> job);
  size_t threads() const { return pool_.threads(); }

private:
  using Jobs = std::list<std::unique_ptr<Job>>; // moved between lists without allocation
  using Clock = std::chrono::steady_clock;

  void run();
  void gather(std::unique_lock<std::mutex>& lock);
  Jobs take();

  ThreadPool pool_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Jobs jobs_;
  bool stop_ = false;
  size_t arrived_ = 0;        // jobs submitted since the last step ended
  size_t ended_jobs_ = 0;     // that the last step ended well
  Clock::time_point ended_;   // when
  Clock::duration took_ = {}; // how long it ran
  std::thread runner_;        // last: it uses everything above
};

/**
 * The process's engine with that many threads: models that ask for the same number share it, so
 * that two models do not compete for the same cores. It lives as long as anyone uses it. At the
 * system's thread limit it has fewer threads, or is null when none can be started.
 */
std::shared_ptr<Engine> shared_engine(size_t threads);

} // namespace bitnet
