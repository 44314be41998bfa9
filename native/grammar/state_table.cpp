// States are made by following all threads over the instructions that take nothing.
#include "state_table.h"

#include <algorithm>
#include <unordered_map>

#include "limits.h"

namespace bitnet {
namespace {

/** So that what is in the index is in the vector as well, even if memory runs out. */
template <class T> void make_room(std::vector<T>& list, size_t more) {
  if (list.size() + more > list.capacity())
    list.reserve(std::max(2 * list.capacity(), list.size() + more));
}

} // namespace

StateTable::StateTable(const Automaton& automaton, size_t longest)
    : automaton_(automaton), longest_(longest), classes_(static_cast<size_t>(automaton.classes)),
      seen_(64), marks_(64) {
  clear();
  begin_state();
  follow({automaton.start, 0});
  start_ = finish_state();
}

void StateTable::clear() {
  frames_.assign(1, {-1, -1, 0, 0});
  threads_.clear();
  states_.clear();
  rows_.clear();
  frame_index_.clear();
  state_index_.clear();
}

bool StateTable::exhausted() const {
  return steps_ > kMaxSteps;
}

size_t StateTable::bytes() const {
  return frames_.size() * sizeof(Frame) + threads_.size() * sizeof(Thread) +
         states_.size() * sizeof(State) + rows_.size() * sizeof(int32_t) + frame_index_.bytes() +
         state_index_.bytes();
}

int32_t StateTable::push(int32_t parent, int32_t pc, int32_t count) {
  const uint64_t hash =
      mixed(mixed(mixed(0, static_cast<uint32_t>(parent)), static_cast<uint32_t>(pc)),
            static_cast<uint32_t>(count));
  const int32_t fresh = static_cast<int32_t>(frames_.size());
  make_room(frames_, 1);
  const int32_t found = frame_index_.find(hash, fresh, [&](int32_t i) {
    const Frame& frame = frames_[index(i)];
    return frame.parent == parent && frame.pc == pc && frame.count == count;
  });
  if (found != fresh)
    return found;
  frames_.push_back({parent, pc, count, fresh});
  ++steps_;
  const int32_t below = frames_[index(parent)].canonical;
  const int32_t alike = canonical_count(pc, count);
  if (below != parent || alike != count) {
    const int32_t canonical = push(below, pc, alike); // is its own: no deeper recursion
    frames_[index(fresh)].canonical = canonical;
  }
  return fresh;
}

/** An item has `item` bytes at least, so a token ends within `reach` more of them. */
int32_t StateTable::canonical_count(int32_t pc, int32_t count) const {
  const Instruction& counter = automaton_.code[index(pc)];
  if (counter.step != Step::kAgain)
    return count;
  const int64_t item = std::max(counter.item, 1);
  const int64_t reach = static_cast<int64_t>(longest_) / item + 2;
  if (counter.min - int64_t{count} > reach)
    return static_cast<int32_t>(counter.min - reach - 1); // the minimum is far away
  const bool far = counter.max < 0 || counter.max - int64_t{count} > reach;
  return count > counter.min && far ? counter.min : count;
}

bool StateTable::seen(Thread thread) {
  if (2 * (seen_count_ + 1) > seen_.size()) {
    std::vector<Thread> old = std::move(seen_);
    const std::vector<uint32_t> marks = std::move(marks_);
    seen_.assign(2 * old.size(), {0, 0});
    marks_.assign(seen_.size(), 0);
    const uint32_t mark = mark_;
    mark_ = 1;
    seen_count_ = 0;
    for (size_t i = 0; i < old.size(); ++i)
      if (marks[i] == mark)
        seen(old[i]);
  }
  const uint64_t hash =
      mixed(static_cast<uint32_t>(thread.pc), static_cast<uint32_t>(thread.frame));
  size_t at = hash & (seen_.size() - 1);
  for (; marks_[at] == mark_; at = (at + 1) & (seen_.size() - 1))
    if (seen_[at] == thread)
      return true;
  seen_[at] = thread;
  marks_[at] = mark_;
  ++seen_count_;
  return false;
}

void StateTable::begin_state() {
  found_.clear();
  accepts_ = plain_ = false;
  seen_count_ = 0;
  if (++mark_ == 0) { // marks of long ago would count
    std::fill(marks_.begin(), marks_.end(), 0);
    mark_ = 1;
  }
}

void StateTable::follow(Thread thread) {
  open_.push_back(thread);
  while (!open_.empty()) {
    const Thread next = open_.back();
    open_.pop_back();
    if (++steps_ > kMaxSteps || found_.size() > kMaxThreads || seen_count_ > 16 * kMaxThreads) {
      steps_ = kMaxSteps + 1;
      open_.clear();
      return;
    }
    if (!seen(next))
      step(next);
  }
}

void StateTable::step(Thread thread) {
  const Instruction& now = automaton_.code[index(thread.pc)];
  const int32_t frame = thread.frame;
  switch (now.step) {
  case Step::kBytes:
  case Step::kToken:
  case Step::kNotToken:
    found_.push_back(thread);
    return;
  case Step::kSplit:
    plain_ |= now.plain;
    for (int32_t i = 0; i < now.count; ++i)
      go(automaton_.targets[index(now.first + i)], frame);
    return;
  case Step::kCall: {
    const bool last = automaton_.code[index(now.next)].step == Step::kReturn;
    go(now.first, last ? frame : push(frame, now.next, 0));
    return;
  }
  case Step::kReturn:
    if (frame == 0)
      accepts_ = true;
    else
      go(frames_[index(frame)].pc, frames_[index(frame)].parent);
    return;
  case Step::kEnter:
    plain_ |= now.plain && (now.max < 0 || now.max >= kPlainCharacters);
    go(now.first, push(frame, now.count, 0));
    if (now.min == 0)
      go(now.next, frame);
    return;
  case Step::kAgain: {
    const Frame counter = frames_[index(frame)];
    int32_t count = counter.count + 1;
    if (now.max < 0)
      count = std::min(count, now.min);
    if (now.max < 0 || count < now.max) {
      plain_ |= now.plain && (now.max < 0 || now.max - count >= kPlainCharacters);
      go(now.first, push(counter.parent, thread.pc, count));
    }
    if (count >= now.min)
      go(now.next, counter.parent);
    return;
  }
  }
}

int32_t StateTable::finish_state() {
  if (exhausted() || (found_.empty() && !accepts_))
    return kDead;
  std::sort(found_.begin(), found_.end());
  uint64_t hash = accepts_;
  bool takes_tokens = false;
  for (const Thread& thread : found_) {
    hash =
        mixed(mixed(hash, static_cast<uint32_t>(thread.pc)), static_cast<uint32_t>(thread.frame));
    takes_tokens |= automaton_.code[index(thread.pc)].step != Step::kBytes;
  }
  const int32_t fresh = static_cast<int32_t>(states_.size());
  make_room(states_, 1);
  make_room(threads_, found_.size());
  const int32_t found = state_index_.find(hash, fresh, [&](int32_t i) {
    const State& state = states_[index(i)];
    return state.count == found_.size() && state.accepts == accepts_ &&
           std::equal(found_.begin(), found_.end(), threads_.begin() + state.first);
  });
  if (found != fresh) {
    states_[index(found)].plain |= plain_; // only some ways to a state show it
    return found;
  }
  states_.push_back({static_cast<uint32_t>(threads_.size()), static_cast<uint32_t>(found_.size()),
                     -1, accepts_, plain_, takes_tokens});
  threads_.insert(threads_.end(), found_.begin(), found_.end());
  return fresh;
}

int32_t StateTable::expand(int32_t state) {
  const State from = states_[index(state)];
  struct Way {
    Edge edge;
    int32_t frame;
  };
  std::vector<Way> ways;
  std::vector<uint8_t> cuts(classes_ + 1);
  steps_ += classes_ / 4;
  for (uint32_t i = from.first; i < from.first + from.count; ++i) {
    const Thread thread = threads_[i];
    const Instruction& now = automaton_.code[index(thread.pc)];
    if (now.step != Step::kBytes)
      continue;
    steps_ += index(now.count);
    if (exhausted()) // before they take memory
      break;
    for (int32_t e = 0; e < now.count; ++e) {
      const Edge& edge = automaton_.edges[index(now.first + e)];
      ways.push_back({edge, thread.frame});
      cuts[edge.low] = cuts[size_t{edge.high} + 1] = 1;
    }
  }
  struct Target {
    std::vector<Thread> threads;
    int32_t state;
  };
  std::vector<Target> targets; // several parts of a character class lead to the same place
  std::vector<Thread> threads;
  const int32_t row = static_cast<int32_t>(rows_.size() / classes_);
  rows_.resize(rows_.size() + classes_, kDead);
  for (size_t begin = 0, end = 0; begin < classes_ && !exhausted(); begin = end) {
    for (end = begin + 1; end < classes_ && !cuts[end];)
      ++end;
    threads.clear();
    for (const Way& way : ways)
      if (way.edge.low <= begin && begin <= way.edge.high)
        threads.push_back({way.edge.next, way.frame});
    steps_ += ways.size() / 8 + 1;
    if (threads.empty())
      continue;
    auto target = std::find_if(targets.begin(), targets.end(),
                               [&](const Target& known) { return known.threads == threads; });
    if (target == targets.end()) {
      begin_state();
      for (const Thread& thread : threads)
        follow(thread);
      target = targets.insert(target, {threads, finish_state()});
    }
    std::fill_n(rows_.begin() + static_cast<ptrdiff_t>(index(row) * classes_ + begin), end - begin,
                target->state);
  }
  if (!exhausted()) // else the row is wrong
    states_[index(state)].row = row;
  return row;
}

int32_t StateTable::next_by_token(int32_t state, int32_t token, bool ends_text) {
  const State from = states_[index(state)];
  begin_state();
  for (uint32_t i = from.first; i < from.first + from.count; ++i) {
    const Thread thread = threads_[i];
    const Instruction& now = automaton_.code[index(thread.pc)];
    const bool takes = now.step == Step::kToken      ? now.first == token
                       : now.step == Step::kNotToken ? now.first != token && !ends_text
                                                     : false;
    if (takes)
      follow({now.next, thread.frame});
  }
  return finish_state();
}

int32_t StateTable::joined(int32_t a, int32_t b) {
  if (a == kDead || b == kDead || a == b)
    return a == kDead ? b : a;
  begin_state();
  for (int32_t state : {a, b}) {
    const State& from = states_[index(state)];
    accepts_ |= from.accepts;
    plain_ |= from.plain;
    for (uint32_t i = from.first; i < from.first + from.count; ++i)
      if (!seen(threads_[i]))
        found_.push_back(threads_[i]);
  }
  return finish_state();
}

int32_t StateTable::canonical(int32_t state) {
  const State from = states_[index(state)];
  begin_state();
  accepts_ = from.accepts;
  plain_ = from.plain;
  for (uint32_t i = from.first; i < from.first + from.count; ++i) {
    const Thread thread = threads_[i];
    const Thread alike = {thread.pc, frames_[index(thread.frame)].canonical};
    if (!seen(alike))
      found_.push_back(alike);
  }
  return finish_state();
}

bool StateTable::trim(const std::vector<int32_t*>& kept) {
  if (bytes() < std::max(kMaxTableBytes, 2 * kept_bytes_))
    return false;
  try {
    move_to_new(kept);
  } catch (...) {
    start_ = kDead;
    for (int32_t* state : kept)
      *state = kDead;
    throw;
  }
  kept_bytes_ = bytes();
  return true;
}

void StateTable::move_to_new(const std::vector<int32_t*>& kept) {
  const std::vector<Frame> frames = std::move(frames_);
  const std::vector<Thread> threads = std::move(threads_);
  const std::vector<State> states = std::move(states_);
  rows_ = {};
  clear();
  std::unordered_map<int32_t, int32_t> moved = {{0, 0}};
  std::vector<int32_t> way;
  const auto moved_frame = [&](int32_t frame) {
    for (; moved.find(frame) == moved.end(); frame = frames[index(frame)].parent)
      way.push_back(frame);
    int32_t now = moved[frame];
    for (; !way.empty(); way.pop_back()) {
      const Frame& old = frames[index(way.back())];
      now = moved[way.back()] = push(now, old.pc, old.count);
    }
    return now;
  };
  const auto moved_state = [&](int32_t state) {
    if (state == kDead)
      return kDead;
    const State& from = states[index(state)];
    begin_state();
    accepts_ = from.accepts;
    plain_ = from.plain;
    for (uint32_t i = from.first; i < from.first + from.count; ++i)
      found_.push_back({threads[i].pc, moved_frame(threads[i].frame)});
    begin_work();
    return finish_state();
  };
  start_ = moved_state(start_);
  for (int32_t* state : kept)
    *state = moved_state(*state);
}

} // namespace bitnet
