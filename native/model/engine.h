// The native thread on which models compute, so that JavaScript's threads never do.
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "../common/thread_pool.h"

namespace bitnet {

/** Work in steps: jobs of several sessions take turns, one step each. */
class Job {
public:
  virtual ~Job() = default;
  /** One bounded piece of work on the engine's threads; true when the job is over. */
  virtual bool step(ThreadPool& pool) = 0;
  /** Called once, on the engine's thread, after the last step. */
  virtual void finished() = 0;
};

/** A runner thread and its pool. Jobs run one step at a time, in turn. */
class Engine {
public:
  explicit Engine(size_t threads);
  ~Engine();

  void submit(std::unique_ptr<Job> job);
  size_t threads() const { return pool_.threads(); }

private:
  void run();

  ThreadPool pool_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> jobs_;
  bool stop_ = false;
  std::thread runner_; // last: it uses everything above
};

/**
 * The process's engine with that many threads: models that ask for the same number share it, so
 * that two models do not compete for the same cores. It lives as long as anyone uses it. At the
 * system's thread limit it has fewer threads, or is null when none can be started.
 */
std::shared_ptr<Engine> shared_engine(size_t threads);

} // namespace bitnet
