// Who asks for tokens, and how many were computed for each.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <map>
#include <string>

namespace bitnet {

/** Someone whose requests share what the engine computes with those of others. */
struct Caller {
  std::string name;
  uint64_t served = 0; // tokens: the virtual token counter
  size_t active = 0;   // requests that wait or run
};

/**
 * Virtual token counters (Sheng et al., "Fairness in Serving Large Language Models", 2024): whoever
 * has the smallest is served next. One who comes back is lifted to the smallest of those that are
 * active: what was not asked for is not saved up.
 */
class Callers {
public:
  /** One more request; until it leaves, the caller stays where it is. */
  Caller* enter(const std::string& name);
  /** One more of a caller that is active. */
  void enter(Caller* caller) { ++caller->active; }
  void leave(Caller* caller);
  /** Callers that are remembered. */
  size_t size() const { return callers_.size(); }

private:
  uint64_t least() const;

  std::map<std::string, Caller> callers_;
  size_t active_ = 0; // callers
};

/** Idle callers that are remembered at most, because they have had more than those that are active. */
constexpr size_t kIdleCallers = 1024;

} // namespace bitnet
