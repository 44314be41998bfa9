// Keys, values and states move together.
#include "sequence_cache.h"

namespace bitnet {
namespace {

Status no_memory_for_states() {
  return Status::error(Code::kMemory,
                       "Not enough memory for the states of a sequence's recurrent layers: close "
                       "other sessions or programs.");
}

} // namespace

Status SequenceCache::allocate(const ModelSpec& spec, size_t context, KvType type,
                               std::shared_ptr<KvPool> pool) {
  return states.allocate(spec) ? kv.allocate(spec, context, type, std::move(pool))
                               : no_memory_for_states();
}

Status SequenceCache::prepare(size_t n, size_t keep_after) {
  Status status = kv.prepare(position, n);
  if (!status.ok())
    return status;
  return states.prepare(position, keep_after) ? Status{} : no_memory_for_states();
}

void SequenceCache::append(size_t n) {
  states.commit(position + n);
  position += n;
}

size_t SequenceCache::truncate(size_t length) {
  if (length < position)
    position = states.bytes_of_one() > 0 ? states.restore(length) : length;
  kv.truncate(position);
  return position;
}

void SequenceCache::take(SequenceCache& other) {
  kv = std::move(other.kv);
  states = std::move(other.states);
  position = other.position.load();
}

} // namespace bitnet
