// The process's table of shared weights. It keeps none of them alive.
#include "shared_weights.h"

#include <chrono>
#include <condition_variable>
#include <iterator>
#include <map>
#include <mutex>

namespace bitnet {
namespace {

// How often a load that waits for another looks at its abort flag.
constexpr std::chrono::milliseconds kLook{5};

struct Entry {
  bool claimed = false;
  std::weak_ptr<Weights> weights;
};

struct Table {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Entry> entries;
};

// Never destroyed: a load may outlive static destruction when the process exits in mid-work.
Table& table() {
  static Table* table = new Table;
  return *table;
}

// Of weights that no model holds any more.
void remove_expired(std::map<std::string, Entry>& entries) {
  for (auto it = entries.begin(); it != entries.end();)
    it = !it->second.claimed && it->second.weights.expired() ? entries.erase(it) : std::next(it);
}

} // namespace

WeightsClaim::WeightsClaim(std::string key) : key_(std::move(key)) {}

WeightsClaim::~WeightsClaim() {
  give_up();
}

Status WeightsClaim::wait(const Abort& abort, std::shared_ptr<Weights>* found) {
  Table& all = table();
  std::unique_lock<std::mutex> lock(all.mutex);
  for (;;) {
    if (abort.raised())
      return Status::error(Code::kAborted, "Loading the model was aborted.");
    remove_expired(all.entries);
    Entry& entry = all.entries[key_];
    if ((*found = entry.weights.lock()))
      return {};
    if (!entry.claimed) {
      entry.claimed = held_ = true;
      return {};
    }
    all.changed.wait_for(lock, kLook);
  }
}

void WeightsClaim::share(const std::shared_ptr<Weights>& weights) {
  if (!held_)
    return;
  {
    std::lock_guard<std::mutex> lock(table().mutex);
    table().entries[key_].weights = weights;
  }
  give_up();
}

void WeightsClaim::give_up() {
  if (!held_)
    return;
  held_ = false;
  {
    std::lock_guard<std::mutex> lock(table().mutex);
    table().entries[key_].claimed = false;
  }
  table().changed.notify_all();
}

} // namespace bitnet
