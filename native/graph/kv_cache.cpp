// Sizes of a KV cache, and the blocks it takes.
#include "kv_cache.h"

#include <string.h>

#include <algorithm>

#include "linear.h"

namespace bitnet {
namespace {

constexpr size_t kQ8Block = 32; // values that share a scale

size_t blocks_of(size_t positions) {
  return (positions + kKvBlockPositions - 1) / kKvBlockPositions;
}

} // namespace

Status KvCache::allocate(const ModelSpec& spec, size_t context, KvType type,
                         std::shared_ptr<KvPool> pool) {
  pool_ = std::move(pool);
  table_.clear();
  reservation_ = {};
  context_ = context;
  slots_.clear();
  layers_ = 0;
  for (size_t layer = 0; layer < spec.n_layer; ++layer) {
    slots_.push_back(layers_);
    layers_ += spec.attends(layer);
  }
  n_kv_head_ = spec.n_kv_head;
  type_ = type;
  head_dim_ = pad_to(spec.head_dim, type == kKvF16 ? kFloatPad : kQ8Block);
  row_bytes_ = type == kKvF16 ? head_dim_ * sizeof(uint16_t)
                              : head_dim_ + head_dim_ / kQ8Block * sizeof(uint16_t);
  // The factors are bounded by the spec's limits; their product need not fit the machine.
  const double bytes =
      static_cast<double>(runs()) * static_cast<double>(context) * static_cast<double>(row_bytes_);
  if (bytes > static_cast<double>(SIZE_MAX / 2))
    return Status::error(Code::kMemory, "Could not get " + std::to_string(bytes / 1e9) +
                                            " GB of memory for a context of " +
                                            std::to_string(context) +
                                            " tokens: ask for a shorter context.");
  return {};
}

Status KvCache::prepare(size_t position, size_t n) {
  const size_t first = position / kKvBlockPositions;
  for (size_t i = first; i < blocks_of(position + n); ++i) {
    const size_t kept = i == first ? position % kKvBlockPositions : 0; // rows
    if (i < table_.size() && kept >= table_[i].shared)
      continue;
    std::shared_ptr<KvBlock> block;
    Status status = pool_->take(block_bytes(), reservation_, &block);
    if (!status.ok()) {
      truncate(position);
      return status;
    }
    if (i < table_.size()) {
      copy_rows(*table_[i].block, *block, kept);
      table_[i] = {std::move(block), 0};
    } else {
      table_.push_back({std::move(block), 0});
    }
  }
  return {};
}

void KvCache::truncate(size_t positions) {
  if (blocks_of(positions) < table_.size())
    table_.resize(blocks_of(positions));
}

void KvCache::share(size_t positions, KvCache& with) {
  with.table_.reserve(blocks_of(positions)); // all there is to fail
  with.table_.clear();
  for (size_t i = 0; i < blocks_of(positions); ++i) {
    share_rows(i, std::min(kKvBlockPositions, positions - i * kKvBlockPositions));
    with.table_.push_back({table_[i].block, kKvBlockPositions});
  }
}

void KvCache::adopt(size_t index, std::vector<std::shared_ptr<KvBlock>> blocks) {
  table_.reserve(index + blocks.size()); // all there is to fail
  table_.resize(index);
  for (std::shared_ptr<KvBlock>& block : blocks)
    table_.push_back({std::move(block), kKvBlockPositions});
  pool_->give_back(blocks.size() * block_bytes(), reservation_); // which was set aside for these
}

Status KvCache::reserve(size_t positions) {
  // The last block may be one that has to be copied.
  const bool copies = !table_.empty() && table_.back().shared > 0;
  const size_t missing = blocks_of(std::min(positions, context_)) + copies -
                         std::min(table_.size(), blocks_of(positions));
  return pool_->reserve(uint64_t{missing} * block_bytes(), reservation_);
}

bool KvCache::fits(size_t positions) const {
  return pool_->fits(uint64_t{blocks_of(std::min(positions, context_))} * block_bytes());
}

void KvCache::copy_rows(const KvBlock& from, const KvBlock& to, size_t rows) const {
  const size_t stride = kKvBlockPositions * row_bytes_;
  for (size_t run = 0; rows > 0 && run < runs(); ++run)
    memcpy(to.data() + run * stride, from.data() + run * stride, rows * row_bytes_);
}

} // namespace bitnet
