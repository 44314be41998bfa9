// Jobs and generations of one model, as they come and go.
#include "model_queue.h"

#include <algorithm>

#include "engine.h"

namespace bitnet {
namespace {

// What a running sequence asks for at once: the tokens that were drafted for it. More is a prompt.
constexpr size_t kMostDecoded = 72;

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

} // namespace

// An evaluation of one token outside of a generation is somebody's own loop.
bool Job::decodes() const {
  if (!generation_)
    return evaluation.single();
  return generation_->phase_ == Generation::Phase::kRunning &&
         evaluation.remaining() <= kMostDecoded;
}

ModelQueue::ModelQueue(Engine& engine, Model& model, const QueueOptions& options)
    : engine_(engine), model_(model), options_(options), pace_(options.target),
      turns_(options.share) {
  std::lock_guard<std::mutex> lock(engine_.mutex_);
  engine_.queues_.push_back(this);
}

ModelQueue::~ModelQueue() {
  std::lock_guard<std::mutex> lock(engine_.mutex_);
  std::erase(engine_.queues_, this);
}

void ModelQueue::submit(std::unique_ptr<Job> job) {
  {
    std::lock_guard<std::mutex> lock(engine_.mutex_);
    if (candidates_.capacity() <= jobs_.size())
      candidates_.reserve(2 * jobs_.size() + 16); // so that steps need not
    Jobs added;
    added.push_back(std::move(job));
    Job& last = *added.back();
    Generation* generation = last.generation_;
    if (generation) {
      last.caller_ = generation->caller_;
      callers_.enter(last.caller_);
      generation->asks_ = true;
    } else {
      last.caller_ = callers_.enter(std::string());
      ++engine_.arrived_;
    }
    last.arrival_ = arrived_++;
    jobs_.splice(jobs_.end(), added);
    ++engine_.changes_;
  }
  engine_.wake_.notify_one();
}

void ModelQueue::cancel(const SequenceCache& cache) {
  Jobs over;
  {
    std::lock_guard<std::mutex> lock(engine_.mutex_);
    const auto it = std::find_if(jobs_.begin(), jobs_.end(), [&](const std::unique_ptr<Job>& job) {
      return &job->evaluation.cache() == &cache;
    });
    if (it == jobs_.end() || (*it)->in_step_ || !(*it)->evaluation.abort_raised())
      return;
    (*it)->evaluation.fail_aborted();
    finish(it, over);
    ++engine_.changes_;
  }
  engine_.wake_.notify_one();
  over.front()->finished();
}

void ModelQueue::announce(Generation& generation, const std::string& caller, int32_t priority) {
  std::lock_guard<std::mutex> lock(engine_.mutex_);
  generations_.push_back(&generation);
  try {
    generation.caller_ = callers_.enter(caller);
  } catch (...) {
    generations_.pop_back();
    throw;
  }
  generation.priority_ = priority;
  generation.phase_ = Generation::Phase::kWaiting;
}

void ModelQueue::admit(Generation& generation) {
  std::lock_guard<std::mutex> lock(engine_.mutex_);
  generation.phase_ = Generation::Phase::kPrompt;
}

void ModelQueue::end(Generation& generation) {
  {
    std::lock_guard<std::mutex> lock(engine_.mutex_);
    if (generation.phase_ == Generation::Phase::kNone)
      return;
    for (const std::unique_ptr<Job>& job : jobs_)
      if (job->generation_ == &generation)
        job->generation_ = nullptr;
    callers_.leave(generation.caller_);
    std::erase(generations_, &generation);
    generation = {};
    ++engine_.changes_;
  }
  engine_.wake_.notify_one(); // perhaps it is being waited for
}

uint64_t ModelQueue::served(const Generation& generation) const {
  std::lock_guard<std::mutex> lock(engine_.mutex_);
  return generation.caller_ ? generation.caller_->served : 0;
}

QueueStats ModelQueue::stats() const {
  std::lock_guard<std::mutex> lock(engine_.mutex_);
  QueueStats stats = stats_;
  for (const Generation* generation : generations_)
    ++(generation->phase_ == Generation::Phase::kWaiting ? stats.waiting : stats.running);
  const size_t count = running(Clock::now());
  stats.target = count > 0 ? pace_.target(count) : 0;
  const size_t last = static_cast<size_t>(std::min<uint64_t>(stats_.steps, last_steps_.size()));
  stats.last_steps.assign(last_steps_.data(), last_steps_.data() + last);
  return stats;
}

// Sequences that decode: between their tokens too, unless they have stayed away.
size_t ModelQueue::running(Clock::time_point now) const {
  size_t count = 0;
  for (const Generation* generation : generations_)
    count += generation->phase_ == Generation::Phase::kRunning &&
             (generation->asks_ || now - generation->last_ < kAway);
  for (const std::unique_ptr<Job>& job : jobs_)
    count += !job->generation_ && job->decodes();
  return count;
}

// Whether one that got its last token then or later has not asked for the next yet.
bool ModelQueue::misses(Clock::time_point since) const {
  return std::any_of(generations_.begin(), generations_.end(),
                     [since](const Generation* generation) {
                       return generation->phase_ == Generation::Phase::kRunning &&
                              !generation->asks_ && generation->last_ >= since;
                     });
}

bool ModelQueue::has_prompts() const {
  return std::any_of(jobs_.begin(), jobs_.end(),
                     [](const std::unique_ptr<Job>& job) { return !job->decodes(); });
}

// One that has to run alone does when it is the oldest.
void ModelQueue::list_candidates() {
  candidates_.clear();
  for (const std::unique_ptr<Job>& job : jobs_) {
    const bool first = candidates_.empty();
    const bool alone = job->evaluation.runs_alone();
    if (alone && !first)
      continue;
    job->evaluation.reuse();
    candidates_.push_back({.job = job.get(),
                           .remaining = job->evaluation.remaining(),
                           .decodes = job->decodes(),
                           .priority = job->generation_ ? job->generation_->priority_ : 0,
                           .caller = job->caller_,
                           .arrival = job->arrival_});
    if (alone)
      return;
  }
}

void ModelQueue::take_aborted(Jobs& over) {
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    const auto job = it++;
    if (!(*job)->evaluation.abort_raised())
      continue;
    (*job)->evaluation.fail_aborted();
    finish(job, over);
  }
}

void ModelQueue::ran(Clock::duration took, size_t decoded, size_t prompts) {
  const double s = seconds(took);
  pace_.ran(decoded, prompts, s);
  last_steps_[stats_.steps++ % last_steps_.size()] = static_cast<float>(s);
  stats_.decoded += decoded;
  stats_.prompts += prompts;
  stats_.seconds += s;
  turns_.took(s);
}

void ModelQueue::finish(Jobs::iterator it, Jobs& over) {
  Job& job = **it;
  callers_.leave(job.caller_);
  const bool well = job.evaluation.status().ok();
  if (Generation* generation = job.generation_) {
    generation->asks_ = false;
    generation->last_ = Clock::now();
    if (well)
      generation->phase_ = Generation::Phase::kRunning;
  } else {
    engine_.expected_ += well;
  }
  over.splice(over.end(), jobs_, it);
}

} // namespace bitnet
