// Sizes of a KV cache.
#include "kv_cache.h"

#include <algorithm>

#include "linear.h"

namespace bitnet {
namespace {

constexpr size_t kQ8Block = 32; // values that share a scale

constexpr size_t kPage = 4096;

} // namespace

uint64_t KvCache::touched_bytes(size_t positions) const {
  if (positions == 0)
    return 0;
  const uint64_t run = pad_to(positions * row_bytes_, kPage); // of one head
  return std::min<uint64_t>(data_.size(), runs() * run);
}

Status KvCache::allocate(const ModelSpec& spec, size_t context, KvType type) {
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
  if (bytes > static_cast<double>(SIZE_MAX / 2) || !data_.allocate(static_cast<size_t>(bytes)))
    return Status::error(Code::kMemory, "Could not get " + std::to_string(bytes / 1e9) +
                                            " GB of memory for a context of " +
                                            std::to_string(context) +
                                            " tokens: ask for a shorter context.");
  return {};
}

} // namespace bitnet
