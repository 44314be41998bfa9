// Sizes of a KV cache.
#include "kv_cache.h"

#include "linear.h"

namespace bitnet {

Status KvCache::allocate(const ModelSpec& spec, size_t context) {
  context_ = context;
  n_kv_head_ = spec.n_kv_head;
  head_dim_ = pad_to(spec.head_dim, kFloatPad);
  // The factors are bounded by the spec's limits; their product need not fit the machine.
  const double bytes = 2.0 * sizeof(uint16_t) * spec.n_layer * n_kv_head_ *
                       static_cast<double>(context) * static_cast<double>(head_dim_);
  if (bytes > static_cast<double>(SIZE_MAX / 2) || !data_.allocate(static_cast<size_t>(bytes)))
    return Status::error(Code::kMemory, "Could not get " + std::to_string(bytes / 1e9) +
                                            " GB of memory for a context of " +
                                            std::to_string(context) +
                                            " tokens: ask for a shorter context.");
  return {};
}

} // namespace bitnet
