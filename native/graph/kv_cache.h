// Keys and values of one sequence, as f16 or int8, so that a token attends without recomputing its
// past.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <utility>

#include "../common/aligned_buffer.h"
#include "../common/status.h"
#include "../kernels/vector/vector.h"
#include "spec.h"

namespace bitnet {

/** Heads are padded to a multiple of this at most. */
constexpr size_t kWidestHeadPad = 32;

/**
 * Layout: [n_layer][k, v][n_kv_head][context] rows of one type, head_dim padded with zeros to 16
 * values for f16, to 32 for q8_0.
 */
class KvCache {
public:
  /** Room for `context` positions; memory is touched only as positions are written. */
  Status allocate(const ModelSpec& spec, size_t context, KvType type = kKvF16);

  /** Takes keys, values and position of a cache of the same sizes. */
  void take(KvCache& other) {
    data_ = std::move(other.data_);
    position = other.position.load();
  }

  size_t context() const { return context_; }
  size_t n_layer() const { return n_layer_; }
  size_t n_kv_head() const { return n_kv_head_; }
  KvType type() const { return type_; }
  size_t head_dim() const { return head_dim_; } // padded
  size_t row_bytes() const { return row_bytes_; }

  /** Bytes of memory that `positions` positions have made the system give, about. */
  uint64_t touched_bytes(size_t positions) const;

  uint8_t* keys(size_t layer, size_t kv_head) const { return at(layer, 0, kv_head); }
  uint8_t* values(size_t layer, size_t kv_head) const { return at(layer, 1, kv_head); }

  /**
   * Positions evaluated so far; the next token goes here. Atomic, because JavaScript may ask in
   * mid-evaluation.
   */
  std::atomic<size_t> position{0};

private:
  uint8_t* at(size_t layer, size_t which, size_t kv_head) const {
    return data_.data() + ((layer * 2 + which) * n_kv_head_ + kv_head) * context_ * row_bytes_;
  }

  AlignedBuffer data_;
  size_t context_ = 0;
  size_t n_layer_ = 0;
  size_t n_kv_head_ = 0;
  KvType type_ = kKvF16;
  size_t head_dim_ = 0;
  size_t row_bytes_ = 0;
};

} // namespace bitnet
