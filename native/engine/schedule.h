// What one step computes, decided from numbers alone: tests can follow it without a clock.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <vector>

#include "callers.h"
#include "step_cost.h"

namespace bitnet {

class Job;

/** An evaluation that waits for its next tokens. */
struct StepCandidate {
  Job* job;         // whose it is; the schedule does not look at it
  size_t remaining; // tokens, at least 1
  bool decodes;     // the next tokens of a sequence that is running, else of a prompt
  int32_t priority; // of a prompt: lower ones first
  Caller* caller;
  uint64_t arrival; // ascending
  size_t take = 0;  // the answer: how many of the tokens the step computes
};

/** Tokens that a step has room for. */
struct StepRoom {
  size_t all;
  size_t prompts;
};

/** Tokens of running sequences that wait. */
size_t decoding(const std::vector<StepCandidate>& candidates);

/**
 * Shares out a step, and counts the tokens for their callers. First come all tokens of running
 * sequences, in the order of arrival; if there are more than a step has room for, some room is left
 * for prompts. Then prompts: lower priorities first, and in a priority the caller with the smallest
 * counter. Of a caller's part the oldest prompt gets half and the shortest the other, so that a short
 * one need not wait for a long one, nor a long one for many that are short.
 *
 * @param candidates reordered
 */
void share_step(std::vector<StepCandidate>& candidates, StepRoom room);

/**
 * How many tokens of prompts may delay the sequences that are running. A step beside which they are
 * computed should take no longer than a target: a time, or kDecodeSteps times what the tokens of
 * the running sequences take alone.
 */
class StepPace {
public:
  /** @param target seconds; 0: kDecodeSteps times the measured step */
  explicit StepPace(double target = 0) : target_(target) {}

  /** A step of so many tokens of running sequences and of prompts is done. */
  void ran(size_t decoded, size_t prompts, double seconds);

  /** Seconds that a step may take beside so many running sequences; 0 where that is not known yet. */
  double target(size_t running) const;

  /**
   * Tokens of prompts in a step that also computes `decoded` tokens of running sequences, of at most
   * `most`. Where the target is not known yet, a step of running sequences alone tells it.
   */
  size_t prompt_room(size_t decoded, double target, size_t most) const;

private:
  double target_;
  StepCost decoding_; // steps of running sequences alone
  StepCost steps_;    // all
};

/**
 * A model's turns on an engine, which takes the model with the smallest time next: seconds over its
 * share. One that comes back after it had nothing to compute begins where the others are.
 */
class Turns {
public:
  /** @param share > 0 */
  explicit Turns(double share) : share_(share) {}

  /** @param now the time of the model whose turn was the last */
  void set_active(bool active, double now) {
    if (active && !active_)
      time_ = std::max(time_, now);
    active_ = active;
  }
  void took(double seconds) { time_ += seconds / share_; }
  double time() const { return time_; }

private:
  double share_;
  double time_ = 0;
  bool active_ = false;
};

/** Shorter gaps cost prompts more of their speed: each step also computes the running sequences. */
constexpr double kDecodeSteps = 3.5;

/** A prompt gets so many tokens in a step whatever the target: they cost little more than one. */
constexpr size_t kLeastPrompt = 8;

} // namespace bitnet
