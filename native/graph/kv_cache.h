// Keys and values of one sequence, as f16 or int8, so that a token attends without recomputing its
// past.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "../common/aligned_buffer.h"
#include "../common/status.h"
#include "../kernels/vector/vector.h"
#include "spec.h"

namespace bitnet {

/** Heads are padded to a multiple of this at most. */
constexpr size_t kWidestHeadPad = 32;

/**
 * Layout: [layers that attend][k, v][n_kv_head][context] rows of one type, head_dim padded with zeros
 * to 16 values for f16, to 32 for q8_0.
 */
class KvCache {
public:
  /** Room for `context` positions; memory is touched only as positions are written. */
  Status allocate(const ModelSpec& spec, size_t context, KvType type = kKvF16);

  size_t context() const { return context_; }
  /** Bytes of one position. */
  size_t position_bytes() const { return 2 * layers_ * n_kv_head_ * row_bytes_; }
  /** Runs of rows, each of a layer's keys or values for one head. */
  size_t runs() const { return 2 * layers_ * n_kv_head_; }
  KvType type() const { return type_; }
  size_t head_dim() const { return head_dim_; } // padded
  size_t row_bytes() const { return row_bytes_; }

  /** Bytes of memory that `positions` positions have made the system give, about. */
  uint64_t touched_bytes(size_t positions) const;

  uint8_t* keys(size_t layer, size_t kv_head) const { return run(first_run(layer) + kv_head); }
  uint8_t* values(size_t layer, size_t kv_head) const {
    return run(first_run(layer) + n_kv_head_ + kv_head);
  }
  /** The rows of a run, in the order of the layout. */
  uint8_t* run(size_t index) const { return data_.data() + index * context_ * row_bytes_; }

private:
  size_t first_run(size_t layer) const { return slots_[layer] * 2 * n_kv_head_; }

  AlignedBuffer data_;
  size_t context_ = 0;
  std::vector<size_t> slots_; // [n_layer] place among the layers that attend
  size_t layers_ = 0;         // that attend
  size_t n_kv_head_ = 0;
  KvType type_ = kKvF16;
  size_t head_dim_ = 0;
  size_t row_bytes_ = 0;
};

} // namespace bitnet
