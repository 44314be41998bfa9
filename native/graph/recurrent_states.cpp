// Which states are kept, and whose memory a step may write to.
#include "recurrent_states.h"

#include <algorithm>

#include "linear.h"

namespace bitnet {
bool RecurrentStates::allocate(const ModelSpec& spec) {
  *this = {};
  const RecurrentSpec& recurrent = spec.recurrent;
  for (const int32_t is_recurrent : recurrent.layers) {
    slots_.push_back(layers_);
    layers_ += is_recurrent != 0;
  }
  heads_ = recurrent.n_value_head;
  head_rows_ = pad_to(recurrent.head_dim, kFloatPad);
  head_cols_ = pad_to(recurrent.key_dim, kFloatPad);
  history_ = recurrent.taps > 0 ? recurrent.taps - 1 : 0;
  channels_ = pad_to(recurrent.channels(), kFloatPad);
  if (layers_ == 0)
    return true;
  now_ = make();
  next_ = make();
  return now_ && next_;
}

uint64_t RecurrentStates::bytes() const {
  const StateBuffer* const others[] = {now_.get(), last_.get(), next_.get(), kept_.get()};
  size_t count = snapshots_.size();
  for (const StateBuffer* const& state : others) {
    const auto same = [&](const Shared& snapshot) { return snapshot.get() == state; };
    count += state && std::find(others, &state, state) == &state &&
             std::none_of(snapshots_.begin(), snapshots_.end(), same);
  }
  return count * bytes_of_one();
}

size_t RecurrentStates::most_snapshots() const {
  return layers_ == 0 ? 0 : std::max<uint64_t>(1, kSnapshotBudget / bytes_of_one());
}

std::shared_ptr<StateBuffer> RecurrentStates::make() const {
  auto states = std::make_shared<StateBuffer>();
  return states->data.allocate(bytes_of_one()) ? states : nullptr;
}

bool RecurrentStates::prepare(size_t position, size_t keep_after) {
  if (layers_ == 0)
    return true;
  if (!now_)
    now_ = make();
  if (!next_ && last_ && !last_->shared)
    next_ = std::move(last_);
  last_.reset();
  if (!next_)
    next_ = make();
  keep_after_ = kNowhere;
  if (!now_ || !next_)
    return false;
  const auto there = [&](const Shared& s) { return s->position == position + keep_after; };
  if (keep_after == kNowhere || position + keep_after == 0 ||
      std::any_of(snapshots_.begin(), snapshots_.end(), there)) {
    kept_.reset();
    return true;
  }
  if (keep_after == 0)
    kept_ = now_;
  else if (!kept_ || kept_ == now_)
    kept_ = make();
  keep_after_ = kept_ ? keep_after : kNowhere;
  snapshots_.reserve(snapshots_.size() + 1); // so that commit() takes no memory
  return true;
}

void RecurrentStates::commit(size_t position) {
  if (layers_ == 0)
    return;
  if (kept_) {
    if (kept_ != now_) // else it is there already, and others may be reading
      kept_->position = now_->position + keep_after_;
    keep(std::move(kept_));
  }
  last_ = std::move(now_);
  now_ = std::move(next_);
  now_->position = position;
}

// Where there are too many, the one closest behind another goes; never the new one.
void RecurrentStates::keep(Shared state) {
  state->share();
  snapshots_.push_back(std::move(state));
  while (snapshots_.size() > most_snapshots()) {
    size_t closest = 0, distance = SIZE_MAX, before = 0;
    for (size_t i = 0; i + 1 < snapshots_.size(); ++i) {
      if (snapshots_[i]->position - before < distance) {
        closest = i;
        distance = snapshots_[i]->position - before;
      }
      before = snapshots_[i]->position;
    }
    snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(closest));
  }
}

size_t RecurrentStates::restore(size_t position) {
  if (!now_ || now_->position <= position)
    return now_ ? now_->position : 0;
  while (!snapshots_.empty() && snapshots_.back()->position > position)
    snapshots_.pop_back();
  Shared found = snapshots_.empty() ? nullptr : snapshots_.back();
  if (last_ && last_->position <= position && (!found || found->position < last_->position))
    found = std::move(last_);
  last_.reset();
  if (!now_->shared)
    next_ = std::move(now_); // for its memory
  now_ = std::move(found);
  return now_ ? now_->position : 0;
}

std::vector<std::shared_ptr<StateBuffer>> RecurrentStates::held() const {
  std::vector<Shared> states = snapshots_;
  if (now_ && now_->position > 0 && (states.empty() || states.back()->position != now_->position))
    states.push_back(now_);
  return states;
}

void RecurrentStates::take(std::vector<Shared> states) {
  now_.reset();
  last_.reset();
  next_.reset();
  kept_.reset();
  snapshots_.clear();
  if (states.empty())
    return;
  now_ = std::move(states.back());
  states.pop_back();
  for (Shared& state : states)
    keep(std::move(state));
}

void RecurrentStates::keep_now(size_t interval) {
  const size_t before = snapshots_.empty() ? 0 : snapshots_.back()->position;
  if (now_ && now_->position >= before + interval)
    keep(now_);
}

std::vector<std::shared_ptr<StateBuffer>> RecurrentStates::snapshots_between(size_t begin,
                                                                             size_t end) const {
  std::vector<Shared> between;
  for (const Shared& state : snapshots_)
    if (state->position > begin && state->position <= end)
      between.push_back(state);
  return between;
}

void RecurrentStates::resume(Shared state) {
  last_.reset();
  if (now_ && !now_->shared)
    next_ = std::move(now_); // for its memory
  now_ = std::move(state);
}

RecurrentStates RecurrentStates::fork() {
  if (now_)
    now_->share();
  RecurrentStates fork = *this;
  fork.last_.reset();
  fork.next_.reset();
  fork.kept_.reset();
  return fork;
}

} // namespace bitnet
