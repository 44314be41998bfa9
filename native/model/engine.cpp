// The job queue of an engine, and the process's table of engines.
#include "engine.h"

#include <map>
#include <system_error>

namespace bitnet {

Engine::Engine(size_t threads) : pool_(threads), runner_([this] { run(); }) {}

Engine::~Engine() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  runner_.join();
}

void Engine::submit(std::unique_ptr<Job> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void Engine::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (jobs_.empty())
      return; // stopped, and every job has ended
    std::unique_ptr<Job> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    const bool over = job->step(pool_);
    if (over) {
      job->finished();
      job.reset();
    }
    lock.lock();
    if (!over)
      jobs_.push_back(std::move(job));
  }
}

std::shared_ptr<Engine> shared_engine(size_t threads) {
  // Never destroyed: an engine may outlive static destruction when the process exits in mid-work.
  static std::mutex* mutex = new std::mutex;
  static auto* engines = new std::map<size_t, std::weak_ptr<Engine>>;
  std::lock_guard<std::mutex> lock(*mutex);
  std::weak_ptr<Engine>& slot = (*engines)[threads];
  std::shared_ptr<Engine> engine = slot.lock();
  // At the system's thread limit a pool takes what is left and leaves none for the runner: then do
  // with the runner alone.
  for (size_t count : {threads, size_t{1}}) {
    if (engine)
      break;
    try {
      slot = engine = std::make_shared<Engine>(count);
    } catch (const std::system_error&) {
    }
  }
  return engine;
}

} // namespace bitnet
