// Counters of callers that come and go.
#include "callers.h"

#include <algorithm>
#include <limits>

namespace bitnet {

Caller* Callers::enter(const std::string& name) {
  Caller& caller = callers_.try_emplace(name, Caller{.name = name}).first->second;
  if (caller.active == 0) {
    if (active_ > 0)
      caller.served = std::max(caller.served, least());
    ++active_;
  }
  ++caller.active;
  return &caller;
}

// One that would be lifted anyway is forgotten.
void Callers::leave(Caller* caller) {
  if (--caller->active > 0)
    return;
  if (--active_ == 0) {
    callers_.clear();
    return;
  }
  if (caller->served <= least()) {
    callers_.erase(callers_.find(caller->name));
    return;
  }
  if (callers_.size() <= active_ + kIdleCallers)
    return;
  const uint64_t others = least();
  std::erase_if(callers_, [&](const auto& entry) {
    return entry.second.active == 0 && entry.second.served <= others;
  });
  if (callers_.size() > active_ + kIdleCallers)
    std::erase_if(callers_, [](const auto& entry) { return entry.second.active == 0; });
}

// Of active callers, of which there must be one.
uint64_t Callers::least() const {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  for (const auto& [name, caller] : callers_)
    if (caller.active > 0)
      least = std::min(least, caller.served);
  return least;
}

} // namespace bitnet
