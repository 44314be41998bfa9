// Keys and values of one sequence, as f16 or int8, so that a token attends without recomputing its
// past.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "../common/status.h"
#include "../kernels/vector/vector.h"
#include "kv_pool.h"
#include "spec.h"

namespace bitnet {

/** Heads are padded to a multiple of this at most. */
constexpr size_t kWidestHeadPad = 32;

/**
 * A table of blocks (PagedAttention, Kwon et al. 2023), which several sequences may share.
 *
 * Layout of a block: [layers that attend][k, v][n_kv_head][kKvBlockPositions] rows of one type,
 * head_dim padded with zeros to 16 values for f16, to 32 for q8_0.
 */
class KvCache {
public:
  /** For up to `context` positions; blocks are taken from the pool as positions are prepared. */
  Status allocate(const ModelSpec& spec, size_t context, KvType type, std::shared_ptr<KvPool> pool);

  size_t context() const { return context_; }
  /** Bytes of one position. */
  size_t position_bytes() const { return runs() * row_bytes_; }
  /** Runs of rows in a block, each of a layer's keys or values for one head. */
  size_t runs() const { return 2 * layers_ * n_kv_head_; }
  KvType type() const { return type_; }
  size_t head_dim() const { return head_dim_; } // padded
  size_t row_bytes() const { return row_bytes_; }
  const std::shared_ptr<KvPool>& pool() const { return pool_; }

  /**
   * Makes room for `n` positions from `position` on, which may then be written. What others read too
   * is copied first, at most kKvBlockPositions - 1 rows. kMemory leaves what is before `position`.
   */
  Status prepare(size_t position, size_t n);
  /** Gives back what lies behind `positions`. */
  void truncate(size_t positions);

  /** Shares the blocks of the first `positions` with an empty table of the same sizes. */
  void share(size_t positions, KvCache& with);

  const std::shared_ptr<KvBlock>& block(size_t index) const { return table_[index].block; }
  /** Rows before `rows` of a block are read by others too from now on. */
  void share_rows(size_t index, size_t rows) {
    table_[index].shared = std::max(table_[index].shared, rows);
  }
  /** Puts a block that others read too in the place of those from `index` on, which is at most their number. */
  void adopt(size_t index, std::vector<std::shared_ptr<KvBlock>> blocks);
  /** The same in the place of one, which had the same rows. */
  void replace(size_t index, std::shared_ptr<KvBlock> block) {
    table_[index] = {std::move(block), kKvBlockPositions};
  }

  /** Sets memory aside, so that so many positions in all will find room; kMemory changes nothing. */
  Status reserve(size_t positions);
  /** Whether so many positions would find room if no other sequence was there. */
  bool fits(size_t positions) const;
  /** Gives back what was set aside and is not used. */
  void unreserve() { pool_->give_back(UINT64_MAX, reservation_); }

  /** Rows at `position` and those behind it in the same block. */
  uint8_t* keys(size_t layer, size_t kv_head, size_t position) const {
    return run(first_run(layer) + kv_head, position);
  }
  uint8_t* values(size_t layer, size_t kv_head, size_t position) const {
    return run(first_run(layer) + n_kv_head_ + kv_head, position);
  }
  /** The same of a run, in the order of the layout. */
  uint8_t* run(size_t index, size_t position) const {
    return table_[position / kKvBlockPositions].block->data() +
           (index * kKvBlockPositions + position % kKvBlockPositions) * row_bytes_;
  }

private:
  struct Entry {
    std::shared_ptr<KvBlock> block;
    size_t shared; // rows at its begin that others read too
  };

  size_t first_run(size_t layer) const { return slots_[layer] * 2 * n_kv_head_; }
  size_t block_bytes() const { return kKvBlockPositions * position_bytes(); }
  void copy_rows(const KvBlock& from, const KvBlock& to, size_t rows) const;

  std::shared_ptr<KvPool> pool_;
  std::vector<Entry> table_;
  KvReservation reservation_;
  size_t context_ = 0;
  std::vector<size_t> slots_; // [n_layer] place among the layers that attend
  size_t layers_ = 0;         // that attend
  size_t n_kv_head_ = 0;
  KvType type_ = kKvF16;
  size_t head_dim_ = 0;
  size_t row_bytes_ = 0;
};

} // namespace bitnet
