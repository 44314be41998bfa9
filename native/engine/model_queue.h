// What an engine keeps of one model: what waits, what runs, and what it took.
#pragma once
#include <array>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "evaluate.h"
#include "schedule.h"

namespace bitnet {

class Engine;
class ModelQueue;
using Clock = std::chrono::steady_clock;

/**
 * Whoever has not asked for the next token for so long is doing something else: prompts need not be
 * considerate of it.
 */
constexpr Clock::duration kAway = std::chrono::seconds(1);

/**
 * A text that a session generates, from its announcement to its end. While it decodes it is running
 * even between its tokens, of which JavaScript asks for one after the other.
 */
class Generation {
public:
  enum class Phase { kNone, kWaiting, kPrompt, kRunning };

private:
  friend class Job;
  friend class ModelQueue;

  Phase phase_ = Phase::kNone;
  int32_t priority_ = 0;
  Caller* caller_ = nullptr;
  bool asks_ = false;      // its next tokens wait or are computed
  Clock::time_point last_; // when it got the last ones
};

/** An evaluation and whoever waits for it. */
class Job {
public:
  /** @param generation that it belongs to: its prompt, then its tokens; null outside of one */
  explicit Job(const Evaluation& e, Generation* generation = nullptr)
      : evaluation(e), generation_(generation) {}
  virtual ~Job() = default;
  /** Called once, when the evaluation is over: on the engine's thread, or where it is canceled. */
  virtual void finished() = 0;

  Evaluation evaluation;

private:
  friend class Engine;
  friend class ModelQueue;

  bool decodes() const;

  Generation* generation_;
  Caller* caller_ = nullptr;
  uint64_t arrival_ = 0;
  bool in_step_ = false;
};

/** What a model has computed, and what it has to do. */
struct QueueStats {
  size_t running = 0; // generations that were admitted
  size_t waiting = 0; // and that were not
  uint64_t steps = 0;
  uint64_t decoded = 0; // tokens of running sequences
  uint64_t prompts = 0; // and of prompts
  double seconds = 0;   // of all steps
  double target = 0;    // seconds that a step may take now; 0: nothing runs, or not known yet
  std::vector<double> last_steps; // seconds, in no order
};

struct QueueOptions {
  double target = 0; // seconds of a step beside running sequences, see StepPace
  double share = 1;  // of the engine's time among models, > 0
};

/** A model's part of its engine. Made and destroyed where no step of the model runs. */
class ModelQueue {
public:
  ModelQueue(Engine& engine, Model& model, const QueueOptions& options = {});
  ~ModelQueue();
  ModelQueue(const ModelQueue&) = delete;
  ModelQueue& operator=(const ModelQueue&) = delete;

  const QueueOptions& options() const { return options_; }

  /** At most one job of a KV cache at a time. */
  void submit(std::unique_ptr<Job> job);
  /** Ends the job of that cache whose abort is raised, unless a step computes it: that one will. */
  void cancel(const SequenceCache& cache);

  /** From now on the generation's caller counts as active. */
  void announce(Generation& generation, const std::string& caller, int32_t priority);
  /** The next evaluation is its prompt. */
  void admit(Generation& generation);
  /** May be called again. */
  void end(Generation& generation);
  /** Tokens on its caller's counter. */
  uint64_t served(const Generation& generation) const;

  QueueStats stats() const;

private:
  friend class Engine;
  using Jobs = std::list<std::unique_ptr<Job>>; // moved between lists without allocation

  // All of these with the engine's mutex held.
  size_t running(Clock::time_point now) const;
  bool misses(Clock::time_point since) const;
  bool has_prompts() const;
  void list_candidates();
  void take_aborted(Jobs& over);
  void ran(Clock::duration took, size_t decoded, size_t prompts);
  void finish(Jobs::iterator it, Jobs& over);

  Engine& engine_;
  Model& model_;
  const QueueOptions options_;
  StepPace pace_;
  Callers callers_;
  Jobs jobs_; // in the order of arrival
  uint64_t arrived_ = 0;
  std::vector<Generation*> generations_; // announced
  std::vector<StepCandidate> candidates_;
  Turns turns_;
  QueueStats stats_;
  std::array<float, 256> last_steps_; // seconds
};

} // namespace bitnet
