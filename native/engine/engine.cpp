// The job queue of an engine, and the process's table of engines.
#include "engine.h"

#include <algorithm>
#include <array>
#include <map>
#include <system_error>

#include "shared_step.h"

namespace bitnet {
namespace {

// This part of the last step's time is worth waiting for the next session to come back.
constexpr int kGatherShare = 16;

} // namespace

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
    ++arrived_;
  }
  wake_.notify_one();
}

// Whoever just got a token asks for the next one in a moment, but one after the other, because
// JavaScript has one thread. Without a short wait the first would get a step of its own and miss
// the one of all others. Waits as long as they keep coming.
void Engine::gather(std::unique_lock<std::mutex>& lock) {
  while (!stop_ && arrived_ < ended_jobs_) {
    const size_t arrived = arrived_;
    const Clock::time_point until = std::min(Clock::now() + took_ / kGatherShare, ended_ + took_);
    if (!wake_.wait_until(lock, until, [&] { return stop_ || arrived_ != arrived; }))
      return;
  }
}

// The job in front, and those that can share its step.
Engine::Jobs Engine::take() {
  Jobs batch;
  batch.splice(batch.end(), jobs_, jobs_.begin());
  const Evaluation& first = batch.front()->evaluation;
  const size_t most = first.model().workspace.plan.batch;
  for (auto it = jobs_.begin(); it != jobs_.end() && batch.size() < most;) {
    const auto job = it++;
    const Evaluation& other = (*job)->evaluation;
    if (!first.runs_alone() && !other.runs_alone() && &other.model() == &first.model())
      batch.splice(batch.end(), jobs_, job);
  }
  return batch;
}

void Engine::run() {
  std::array<Evaluation*, kMaxBatch> evaluations;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (jobs_.empty())
      return; // stopped, and every job has ended
    gather(lock);
    Jobs batch = take();
    lock.unlock();

    size_t count = 0;
    for (const std::unique_ptr<Job>& job : batch)
      evaluations[count++] = &job->evaluation;
    const Clock::time_point begin = Clock::now();
    run_step(pool_, evaluations.data(), count);

    lock.lock();
    ended_ = Clock::now();
    took_ = ended_ - begin;
    arrived_ = ended_jobs_ = 0;
    for (auto it = batch.begin(); it != batch.end();) {
      const auto job = it++;
      if (!(*job)->evaluation.over())
        jobs_.splice(jobs_.end(), batch, job);
      else
        ended_jobs_ += (*job)->evaluation.status().ok();
    }
    lock.unlock();
    for (std::unique_ptr<Job>& job : batch) {
      job->finished();
      job.reset();
    }
    lock.lock();
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
