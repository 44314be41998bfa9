// Counting what blocks take, and refusing what is too much.
#include "kv_pool.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace bitnet {
namespace {

std::string megabytes(uint64_t bytes) {
  const uint64_t tenths = (bytes + 50000) / 100000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

} // namespace

KvReservation& KvReservation::operator=(KvReservation&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

KvReservation::~KvReservation() {
  if (pool_)
    pool_->give_back(UINT64_MAX, *this);
}

void KvPool::limit(uint64_t bytes, bool keeps_prefixes) {
  std::lock_guard<std::mutex> lock(mutex_);
  budget_ = bytes;
  keeps_prefixes_ = keeps_prefixes;
}

bool KvPool::make_room(uint64_t bytes, uint64_t set_aside) {
  if (!could_fit(bytes - set_aside))
    return false;
  while (use_->bytes + bytes > budget_)
    if (!tree_.evict())
      return false;
  return true;
}

// Beside what sequences hold and what is promised; the rest goes when it is in the way.
bool KvPool::could_fit(uint64_t bytes) const {
  if (use_->bytes + reserved_ + bytes <= budget_)
    return true;
  const uint64_t used = use_->bytes; // which others may lower meanwhile
  return used - std::min(used, tree_.evictable()) + reserved_ + bytes <= budget_;
}

KvPool::Kept KvPool::keep(const PrefixKey& key, PrefixTree::Node* parent, const int32_t* tokens,
                          size_t count, const std::shared_ptr<KvBlock>& block,
                          const std::vector<PrefixTree::State>& states) {
  std::lock_guard<std::mutex> lock(mutex_);
  PrefixTree::Node* const node = tree_.insert(key, parent, tokens, count, block);
  const Kept kept = {node, PrefixTree::block_of(node)}; // held: room is not made of it
  try {
    for (const PrefixTree::State& state : states)
      if (make_room(state->data.size()))
        tree_.keep(node, state);
  } catch (const std::bad_alloc&) { // the block is in the tree: its owner has to know
  }
  return kept;
}

PrefixTree::Match KvPool::match(const PrefixKey& key, PrefixTree::Node* node, size_t begin,
                                const int32_t* tokens, size_t count, bool states) {
  std::lock_guard<std::mutex> lock(mutex_);
  return tree_.match(key, node, begin, tokens, count, states);
}

Status KvPool::take(size_t bytes, KvReservation& reservation, std::shared_ptr<KvBlock>* block) {
  auto taken = std::make_shared<KvBlock>(use_);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const uint64_t set_aside = reservation.bytes_ >= bytes ? bytes : 0;
    if (!make_room(bytes, set_aside))
      return no_room(bytes);
    reserved_ -= set_aside;
    reservation.bytes_ -= set_aside;
    use_->bytes += bytes;
  }
  if (!taken->allocate(bytes))
    return Status::error(Code::kMemory, "Not enough memory for keys and values: close other "
                                        "sessions or programs.");
  *block = std::move(taken);
  return {};
}

Status KvPool::reserve(uint64_t bytes, KvReservation& reservation) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t more = bytes - reservation.bytes_; // may wrap around: the sums are right
  if (!could_fit(more))
    return no_room(bytes);
  reserved_ += more;
  reservation.bytes_ = bytes;
  reservation.pool_ = shared_from_this();
  return {};
}

KvPool::Stats KvPool::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {.budget = budget_,
          .used = use_->bytes,
          .cached = tree_.evictable(),
          .reserved = reserved_,
          .lookups = lookups_,
          .hits = hits_,
          .tokens = tokens_};
}

Status KvPool::no_room(uint64_t bytes) const {
  return Status::error(Code::kMemory,
                       "Expected " + megabytes(bytes) +
                           " of free memory for keys and values, but of the " + megabytes(budget_) +
                           " that the model's sessions may use together, " +
                           megabytes(use_->bytes) + " are in use and " + megabytes(reserved_) +
                           " promised; close sessions, or allow more (--kv-memory, kvMemory).");
}

void KvPool::give_back(uint64_t bytes, KvReservation& reservation) {
  std::lock_guard<std::mutex> lock(mutex_);
  bytes = std::min(bytes, reservation.bytes_);
  reserved_ -= bytes;
  reservation.bytes_ -= bytes;
  ++use_->freed;
}

bool KvPool::fits(uint64_t bytes) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return bytes <= budget_;
}

} // namespace bitnet
