// The memory of the keys and values of a model's sequences: blocks of 32 positions, within a budget.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <mutex>

#include "../common/status.h"
#include "kv_block.h"

namespace bitnet {

class KvPool;

/** Bytes set aside in a pool for one sequence; given back when it goes. */
class KvReservation {
public:
  KvReservation() = default;
  KvReservation(KvReservation&& other) noexcept { *this = std::move(other); }
  KvReservation& operator=(KvReservation&& other) noexcept;
  ~KvReservation();

  uint64_t bytes() const { return bytes_; }

private:
  friend class KvPool;
  std::shared_ptr<KvPool> pool_;
  uint64_t bytes_ = 0;
};

/**
 * Gives out blocks as sequences grow. Nothing is taken from the system before it is needed, and what
 * nobody holds any more goes back to it. May be used from any thread.
 */
class KvPool : public std::enable_shared_from_this<KvPool> {
public:
  struct Stats {
    uint64_t budget;   // bytes
    uint64_t used;     // bytes of all blocks
    uint64_t reserved; // bytes set aside and not used yet
  };

  /** Bytes of all blocks together; what is in use already stays. Without a call, no limit. */
  void limit(uint64_t bytes);

  /** A new block of zeros, out of `reservation` where that has enough. kMemory names the numbers. */
  Status take(size_t bytes, KvReservation& reservation, std::shared_ptr<KvBlock>* block);

  /** Sets aside `bytes` in place of what the reservation has; kMemory leaves it as it was. */
  Status reserve(uint64_t bytes, KvReservation& reservation);

  Stats stats() const;
  /** Bytes of all blocks. */
  uint64_t used() const { return use_->bytes; }
  /** Grows whenever bytes have come free: whoever waits for some may try again. */
  uint64_t freed() const { return use_->freed; }

private:
  friend class KvReservation;
  bool has_room(uint64_t bytes) const { return use_->bytes + reserved_ + bytes <= budget_; }
  Status no_room(uint64_t bytes) const;
  void give_back(uint64_t reserved);

  mutable std::mutex mutex_;
  const std::shared_ptr<KvUse> use_ = std::make_shared<KvUse>();
  uint64_t budget_ = UINT64_MAX / 2;
  uint64_t reserved_ = 0;
};

} // namespace bitnet
