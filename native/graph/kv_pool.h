// The memory of the keys and values of a model's sequences: blocks of 32 positions, within a budget.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <mutex>

#include "../common/status.h"
#include "kv_block.h"
#include "prefix_tree.h"

namespace bitnet {

class KvPool;

/** Bytes set aside in a pool for one sequence; given back when it goes. */
class KvReservation {
public:
  KvReservation() = default;
  KvReservation(KvReservation&& other) noexcept { *this = std::move(other); }
  KvReservation& operator=(KvReservation&& other) noexcept;
  ~KvReservation();

private:
  friend class KvPool;
  std::shared_ptr<KvPool> pool_;
  uint64_t bytes_ = 0; // with the pool's mutex held
};

/**
 * Gives out blocks as sequences grow, and keeps what they evaluated for others that begin alike: what no
 * sequence holds is forgotten as room is needed, first what was of use longest ago. Nothing is taken
 * from the system before it is needed. May be used from any thread.
 */
class KvPool : public std::enable_shared_from_this<KvPool> {
public:
  struct Stats {
    uint64_t budget;   // bytes
    uint64_t used;     // bytes of all blocks, and of states kept with them
    uint64_t cached;   // of these, what no sequence holds
    uint64_t reserved; // bytes set aside and not used yet
    uint64_t lookups;  // texts that were looked for
    uint64_t hits;     // of which a part was there
    uint64_t tokens;   // in these parts
  };

  /**
   * Bytes of all blocks together; what is in use already stays. Without a call, no limit, and nothing is
   * kept for others.
   */
  void limit(uint64_t bytes, bool keeps_prefixes = false);
  bool keeps_prefixes() const { return keeps_prefixes_; }

  /** A new block of zeros, out of `reservation` where that has enough. kMemory names the numbers. */
  Status take(size_t bytes, KvReservation& reservation, std::shared_ptr<KvBlock>* block);

  /** Sets aside `bytes` in place of what the reservation has; kMemory leaves it as it was. */
  Status reserve(uint64_t bytes, KvReservation& reservation);
  /** Takes back a part of a reservation, or all there is left of it. */
  void give_back(uint64_t bytes, KvReservation& reservation);
  /** Whether so many would fit into an empty pool. */
  bool fits(uint64_t bytes) const;

  /** A node of the tree, and its block, which keeps it there. */
  struct Kept {
    PrefixTree::Node* node;
    std::shared_ptr<KvBlock> block;
  };

  /** PrefixTree::insert, and the states of these tokens as far as there is room for them. */
  Kept keep(const PrefixKey& key, PrefixTree::Node* parent, const int32_t* tokens, size_t count,
            const std::shared_ptr<KvBlock>& block, const std::vector<PrefixTree::State>& states);
  /** PrefixTree::match. */
  PrefixTree::Match match(const PrefixKey& key, PrefixTree::Node* node, size_t begin,
                          const int32_t* tokens, size_t count, bool states);
  /** For the statistics: a text was looked for, or the first or another part of one was there. */
  void count_lookup() { ++lookups_; }
  void count_hit(size_t tokens, bool first) {
    hits_ += first;
    tokens_ += tokens;
  }

  Stats stats() const;
  /** Bytes of all blocks. */
  uint64_t used() const { return use_->bytes; }
  /** Grows whenever bytes have come free: whoever waits for some may try again. */
  uint64_t freed() const { return use_->freed; }

private:
  bool could_fit(uint64_t bytes) const;
  /** `set_aside` of the bytes are promised to whoever takes them. */
  bool make_room(uint64_t bytes, uint64_t set_aside = 0);
  Status no_room(uint64_t bytes) const;

  mutable std::mutex mutex_;
  const std::shared_ptr<KvUse> use_ = std::make_shared<KvUse>();
  uint64_t budget_ = UINT64_MAX / 2;
  uint64_t reserved_ = 0;
  PrefixTree tree_{use_};
  std::atomic<bool> keeps_prefixes_{false};
  std::atomic<uint64_t> lookups_{0}, hits_{0}, tokens_{0};
};

} // namespace bitnet
