// The engine's loop: whose turn it is, whom to wait for, one step; and the process's table of engines.
#include "engine.h"

#include <algorithm>
#include <map>
#include <system_error>

namespace bitnet {
namespace {

// Before prompts are computed, it is worth so much to wait for the next running sequence.
constexpr Clock::duration kPatience = std::chrono::milliseconds(1);

// Before a step without prompts, this part of the last step's time is.
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

void Engine::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (ModelQueue* queue = gather(lock)) {
    Jobs over;
    for (ModelQueue* each : queues_)
      each->take_aborted(over);
    if (over.empty())
      step(*queue, lock, over);
    // Whoever learns that the last of a model's jobs is over may destroy its queue.
    lock.unlock();
    for (std::unique_ptr<Job>& job : over) {
      job->finished();
      job.reset();
    }
    lock.lock();
  }
}

// Waits until a step is worth running, and says of which model; null when the engine ends.
ModelQueue* Engine::gather(std::unique_lock<std::mutex>& lock) {
  while (!stop_) {
    const Clock::time_point now = Clock::now();
    ModelQueue* queue = next_queue(now);
    const uint64_t seen = changes_;
    const auto changed = [&] { return stop_ || changes_ != seen; };
    if (!queue)
      wake_.wait(lock, changed);
    else if (!wake_.wait_until(lock, worth_waiting(*queue, now), changed))
      return queue;
  }
  return nullptr;
}

// Whoever just got a token asks for the next one in a moment, but one after the other, because
// JavaScript has one thread. Without a short wait the first would get a step of its own and miss
// the one of all others; and a prompt's would begin without them. Waits as long as they keep coming,
// but not longer than the last step took, and without prompts only for those that were in it.
Clock::time_point Engine::worth_waiting(const ModelQueue& queue, Clock::time_point now) const {
  if (queue.has_prompts() &&
      std::any_of(queues_.begin(), queues_.end(),
                  [now](const ModelQueue* each) { return each->misses(now - kAway); }))
    return std::min(now + kPatience, ended_ + std::max(took_, kPatience));
  if (queue.misses(ended_) || arrived_ < expected_)
    return std::min(now + took_ / kGatherShare, ended_ + took_);
  return now;
}

// Of the models that have something to compute, the one that has had the least time for its share.
ModelQueue* Engine::next_queue(Clock::time_point now) {
  ModelQueue* next = nullptr;
  for (ModelQueue* queue : queues_) {
    queue->turns_.set_active(!queue->jobs_.empty() || queue->running(now) > 0, time_);
    if (!queue->jobs_.empty() && (!next || queue->turns_.time() < next->turns_.time()))
      next = queue;
  }
  return next;
}

// The shortest that running sequences allow; 0 where none run, or nothing is known.
double Engine::target(Clock::time_point now) const {
  double least = 0;
  for (const ModelQueue* queue : queues_) {
    const size_t running = queue->running(now);
    const double target = running > 0 ? queue->pace_.target(running) : 0;
    if (target > 0 && (least == 0 || target < least))
      least = target;
  }
  return least;
}

// Fills in the parts of the next step.
void Engine::plan(ModelQueue& queue) {
  const Clock::time_point now = Clock::now();
  const size_t all = queue.model_.workspace.plan.batch;
  const bool running = std::any_of(queues_.begin(), queues_.end(), [now](const ModelQueue* each) {
    return each->running(now) > 0;
  });
  queue.list_candidates();
  const size_t prompts =
      running ? queue.pace_.prompt_room(decoding(queue.candidates_), target(now), all) : all;
  share_step(queue.candidates_, {.all = all, .prompts = prompts});
  part_count_ = 0;
  for (const StepCandidate& candidate : queue.candidates_) {
    if (candidate.take == 0)
      continue;
    parts_[part_count_++] = {.evaluation = &candidate.job->evaluation, .n = candidate.take};
    candidate.job->in_step_ = true;
  }
}

void Engine::step(ModelQueue& queue, std::unique_lock<std::mutex>& lock, Jobs& over) {
  plan(queue);
  size_t decoded = 0, prompts = 0;
  for (const StepCandidate& candidate : queue.candidates_)
    (candidate.decodes ? decoded : prompts) += candidate.take;
  time_ = std::max(time_, queue.turns_.time());

  lock.unlock();
  const Clock::time_point begin = Clock::now();
  run_step(pool_, parts_.data(), part_count_);
  const Clock::time_point end = Clock::now();
  lock.lock();

  ended_ = end;
  took_ = end - begin;
  arrived_ = expected_ = 0;
  queue.ran(took_, decoded, prompts);
  for (auto it = queue.jobs_.begin(); it != queue.jobs_.end();) {
    const auto job = it++;
    if (!(*job)->in_step_)
      continue;
    (*job)->in_step_ = false;
    if ((*job)->evaluation.over())
      queue.finish(job, over);
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
