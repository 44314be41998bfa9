// The unit of a KV cache, which sequences share.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <memory>

#include "../common/aligned_buffer.h"

namespace bitnet {

/** Positions of a block. */
constexpr size_t kKvBlockPositions = 32;

/** What a pool's blocks take; outlives the pool, as blocks may. */
struct KvUse {
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> freed{0}; // grows whenever some come free
};

/**
 * Keys and values at kKvBlockPositions positions; KvCache knows the layout. Rows that several owners
 * read never change.
 */
class KvBlock {
public:
  explicit KvBlock(std::shared_ptr<KvUse> use) : use_(std::move(use)) {}
  KvBlock(const KvBlock&) = delete;
  KvBlock& operator=(const KvBlock&) = delete;
  ~KvBlock() {
    data_.release(); // before somebody counts on it
    use_->bytes -= counted_;
    ++use_->freed;
  }

  /** Takes `bytes` zero bytes, which are counted already; false when the system refuses. */
  bool allocate(size_t bytes) {
    counted_ = bytes;
    return data_.allocate(bytes);
  }
  uint8_t* data() const { return data_.data(); }
  size_t size() const { return counted_; }

private:
  std::shared_ptr<KvUse> use_;
  AlignedBuffer data_;
  size_t counted_ = 0;
};

} // namespace bitnet
