// Running sequences first, then prompts by priority, caller and age.
#include "schedule.h"

#include <algorithm>
#include <span>

namespace bitnet {
namespace {

// What a caller gets before the counters are compared again.
constexpr size_t kQuantum = 16;

using Candidates = std::span<StepCandidate>;

size_t wanted(const StepCandidate& candidate) {
  return candidate.remaining - candidate.take;
}

size_t give(StepCandidate& candidate, size_t tokens) {
  const size_t given = std::min(tokens, wanted(candidate));
  candidate.take += given;
  candidate.caller->served += given;
  return given;
}

// The first that still wants tokens, or of those the one with the shortest prompt; null when none does.
StepCandidate* oldest(Candidates prompts) {
  const auto it = std::find_if(prompts.begin(), prompts.end(), wanted);
  return it == prompts.end() ? nullptr : &*it;
}

StepCandidate* shortest(Candidates prompts) {
  StepCandidate* best = nullptr;
  for (StepCandidate& prompt : prompts)
    if (wanted(prompt) > 0 && (!best || prompt.remaining < best->remaining))
      best = &prompt;
  return best;
}

// Of the prompts of one caller.
size_t give_caller(Candidates prompts, size_t tokens) {
  StepCandidate* first = oldest(prompts);
  size_t left = tokens - (first ? give(*first, (tokens + 1) / 2) : 0);
  for (StepCandidate* next; left > 0 && (next = shortest(prompts));)
    left -= give(*next, left);
  return tokens - left;
}

// The prompts of the caller that is served next; empty when none wants tokens.
Candidates next_caller(Candidates prompts) {
  Candidates next;
  for (size_t begin = 0, end; begin < prompts.size(); begin = end) {
    end = begin + 1;
    while (end < prompts.size() && prompts[end].caller == prompts[begin].caller)
      ++end;
    const Candidates group = prompts.subspan(begin, end - begin);
    if (oldest(group) && (next.empty() || group[0].caller->served < next[0].caller->served))
      next = group;
  }
  return next;
}

// Prompts of one priority, sorted by caller and arrival.
size_t give_prompts(Candidates prompts, size_t tokens) {
  size_t left = tokens;
  for (Candidates group; left > 0 && !(group = next_caller(prompts)).empty();)
    left -= give_caller(group, std::min(left, kQuantum));
  return tokens - left;
}

} // namespace

size_t decoding(const std::vector<StepCandidate>& candidates) {
  size_t tokens = 0;
  for (const StepCandidate& candidate : candidates)
    tokens += candidate.decodes ? candidate.remaining : 0;
  return tokens;
}

void share_step(std::vector<StepCandidate>& candidates, StepRoom room) {
  std::sort(candidates.begin(), candidates.end(),
            [](const StepCandidate& a, const StepCandidate& b) {
              if (a.decodes != b.decodes)
                return a.decodes;
              if (!a.decodes && a.priority != b.priority)
                return a.priority < b.priority;
              if (!a.decodes && a.caller != b.caller)
                return a.caller->name < b.caller->name;
              return a.arrival < b.arrival;
            });
  const bool prompts = !candidates.empty() && !candidates.back().decodes;
  const size_t kept = prompts ? std::min({(room.all + 1) / 2, room.prompts, kLeastPrompt}) : 0;
  size_t begin = 0;
  for (; begin < candidates.size() && candidates[begin].decodes; ++begin)
    room.all -= give(candidates[begin], room.all - kept);
  size_t left = std::min(room.all, room.prompts);
  for (size_t end; begin < candidates.size(); begin = end) {
    end = begin + 1;
    while (end < candidates.size() && candidates[end].priority == candidates[begin].priority)
      ++end;
    left -= give_prompts(Candidates(candidates).subspan(begin, end - begin), left);
  }
}

void StepPace::ran(size_t decoded, size_t prompts, double seconds) {
  steps_.add(decoded + prompts, seconds);
  if (prompts == 0)
    decoding_.add(decoded, seconds);
}

double StepPace::target(size_t running) const {
  return target_ > 0 ? target_ : kDecodeSteps * decoding_.seconds(running);
}

size_t StepPace::prompt_room(size_t decoded, double target, size_t most) const {
  if (target == 0)
    return decoded > 0 ? 0 : kLeastPrompt;
  const size_t tokens = steps_.tokens(target, most);
  return std::max(tokens - std::min(tokens, decoded), kLeastPrompt);
}

} // namespace bitnet
