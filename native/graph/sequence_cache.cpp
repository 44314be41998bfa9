// Keys, values and states move together.
#include "sequence_cache.h"

#include <algorithm>
#include <new>

namespace bitnet {
namespace {

Status no_memory_for_states() {
  return Status::error(Code::kMemory,
                       "Not enough memory for the states of a sequence's recurrent layers: close "
                       "other sessions or programs.");
}

} // namespace

Status SequenceCache::allocate(const ModelSpec& spec, size_t context, KvType type,
                               std::shared_ptr<KvPool> pool) {
  key_.kv_type = type;
  key_.long_rope = spec.is_long(context);
  return states.allocate(spec) ? kv.allocate(spec, context, type, std::move(pool))
                               : no_memory_for_states();
}

Status SequenceCache::prepare(size_t n, size_t keep_after) {
  Status status = kv.prepare(position, n);
  if (!status.ok())
    return status;
  if (kv.pool()->keeps_prefixes() && tokens_.capacity() < position + n)
    tokens_.reserve(std::max(position + n, 2 * tokens_.capacity())); // so that append() takes none
  return states.prepare(position, keep_after) ? Status{} : no_memory_for_states();
}

void SequenceCache::append(const int32_t* tokens, size_t n) {
  states.commit(position + n);
  if (kv.pool()->keeps_prefixes() && records())
    tokens_.insert(tokens_.end(), tokens, tokens + n);
  position += n;
  keep_blocks();
}

size_t SequenceCache::truncate(size_t length) {
  if (length >= position)
    return position;
  // A little that is cut was a guess, or a mistake.
  if (length == 0 || position - length >= kKvBlockPositions)
    keep_rest();
  position = states.bytes_of_one() > 0 ? states.restore(length) : length;
  forget_behind();
  kv.truncate(position);
  return position;
}

void SequenceCache::take(SequenceCache& other) {
  truncate(0);
  kv = std::move(other.kv);
  states = std::move(other.states);
  position = other.position.load();
  own_from_ = 0;
}

Status SequenceCache::fork(const ModelSpec& spec, SequenceCache& other) {
  Status status = kv.allocate(spec, other.kv.context(), other.kv.type(), other.kv.pool());
  if (!status.ok())
    return status;
  states = other.states.fork();
  tokens_ = other.tokens_;
  key_ = other.key_;
  other.kv.share(other.position, kv);
  node_ = other.node_;
  kept_ = other.kept_;
  own_from_ = other.own_from_;
  shares_ = other.shares_;
  position = other.position.load();
  return {};
}

void SequenceCache::use(const std::string& adapters) {
  if (position == 0)
    key_.adapters = adapters;
  else if (key_.adapters != adapters)
    own_from_ = std::min<size_t>(own_from_, position);
}

void SequenceCache::share() {
  shares_ = kv.pool()->keeps_prefixes();
  keep_blocks();
}

size_t SequenceCache::reuse(const int32_t* tokens, size_t n) {
  const size_t begin = kept_ * kKvBlockPositions;
  if (!shares_ || !records() || own_from_ <= position || kept_ != position / kKvBlockPositions)
    return 0;
  try {
    std::vector<int32_t> text(tokens_.begin() + static_cast<std::ptrdiff_t>(begin), tokens_.end());
    const size_t known = text.size();
    text.insert(text.end(), tokens, tokens + n);
    PrefixTree::Match match =
        kv.pool()->match(key_, node_, begin, text.data(), text.size(), states.bytes_of_one() > 0);
    if (match.length <= known)
      return 0;
    tokens_.reserve(begin + match.length);
    kv.adopt(kept_, std::move(match.blocks));
    const size_t found = match.length - known;
    tokens_.insert(tokens_.end(), tokens, tokens + found);
    if (match.state)
      states.resume(std::move(match.state));
    node_ = match.node;
    position += found;
    kept_ = position / kKvBlockPositions;
    return found;
  } catch (const std::bad_alloc&) {
    return 0; // it costs time, no more
  }
}

// Whole blocks, with the snapshots that are in them.
void SequenceCache::keep_blocks() {
  if (!shares_ || !records())
    return;
  try {
    while ((kept_ + 1) * kKvBlockPositions <= std::min<size_t>(position, own_from_)) {
      const size_t begin = kept_ * kKvBlockPositions;
      keep_states(states.snapshots_between(begin - 1, begin)); // which came behind the block
      KvPool::Kept kept =
          kv.pool()->keep(key_, node_, tokens_.data() + begin, kKvBlockPositions, kv.block(kept_),
                          states.snapshots_between(begin, begin + kKvBlockPositions));
      kv.replace(kept_, std::move(kept.block)); // of two with the same rows one is enough
      node_ = kept.node;
      ++kept_;
    }
  } catch (const std::bad_alloc&) { // then nobody finds them
  }
}

// States after the last block that the pool keeps.
void SequenceCache::keep_states(const std::vector<PrefixTree::State>& after) {
  if (after.empty() || !node_)
    return;
  const size_t last = kept_ - 1;
  kv.pool()->keep(key_, PrefixTree::parent_of(node_), tokens_.data() + last * kKvBlockPositions,
                  kKvBlockPositions, kv.block(last), after);
}

// What will be cut and is no whole block, and the state after it.
void SequenceCache::keep_rest() {
  const size_t begin = kept_ * kKvBlockPositions;
  if (!shares_ || !records() || own_from_ < position || kept_ != position / kKvBlockPositions)
    return;
  try {
    const bool whole = begin == position;
    if (whole && (!node_ || states.bytes_of_one() == 0))
      return;
    std::vector<PrefixTree::State> rest = states.held();
    std::erase_if(rest, [&](const PrefixTree::State& state) {
      return whole ? state->position != position : state->position <= begin;
    });
    for (const PrefixTree::State& state : rest)
      state->share();
    if (whole)
      return keep_states(rest);
    keep_states(states.snapshots_between(begin - 1, begin));
    const KvPool::Kept kept = kv.pool()->keep(key_, node_, tokens_.data() + begin, position - begin,
                                              kv.block(kept_), rest);
    if (kept.block == kv.block(kept_))
      kv.share_rows(kept_, position - begin);
  } catch (const std::bad_alloc&) {
  }
}

// The position went back: before the blocks that it left are given back, because the pool's nodes stay
// only while theirs are held.
void SequenceCache::forget_behind() {
  for (; kept_ > position / kKvBlockPositions; --kept_)
    node_ = PrefixTree::parent_of(node_);
  if (tokens_.size() > position)
    tokens_.resize(position);
  if (position == 0 || own_from_ >= position)
    own_from_ = kNowhere;
}

} // namespace bitnet
