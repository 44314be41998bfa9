// Counting what blocks take, and refusing what is too much.
#include "kv_pool.h"

#include <string>
#include <utility>

namespace bitnet {
namespace {

std::string megabytes(uint64_t bytes) {
  const uint64_t tenths = (bytes + 50000) / 100000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

} // namespace

KvReservation& KvReservation::operator=(KvReservation&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

KvReservation::~KvReservation() {
  if (pool_)
    pool_->give_back(bytes_);
}

void KvPool::limit(uint64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  budget_ = bytes;
}

Status KvPool::take(size_t bytes, KvReservation& reservation, std::shared_ptr<KvBlock>* block) {
  auto taken = std::make_shared<KvBlock>(use_);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const uint64_t set_aside = reservation.bytes_ >= bytes ? bytes : 0;
    reserved_ -= set_aside;
    if (!has_room(bytes)) {
      reserved_ += set_aside;
      return no_room(bytes);
    }
    reservation.bytes_ -= set_aside;
    use_->bytes += bytes;
  }
  if (!taken->allocate(bytes))
    return Status::error(Code::kMemory, "Not enough memory for keys and values: close other "
                                        "sessions or programs.");
  *block = std::move(taken);
  return {};
}

Status KvPool::reserve(uint64_t bytes, KvReservation& reservation) {
  std::lock_guard<std::mutex> lock(mutex_);
  reserved_ -= reservation.bytes_;
  if (!has_room(bytes)) {
    reserved_ += reservation.bytes_;
    return no_room(bytes);
  }
  reserved_ += bytes;
  reservation.bytes_ = bytes;
  reservation.pool_ = shared_from_this();
  return {};
}

KvPool::Stats KvPool::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {.budget = budget_, .used = use_->bytes, .reserved = reserved_};
}

Status KvPool::no_room(uint64_t bytes) const {
  return Status::error(Code::kMemory,
                       "Expected " + megabytes(bytes) +
                           " of free memory for keys and values, but of the " + megabytes(budget_) +
                           " that the model's sessions may use together, " +
                           megabytes(use_->bytes) + " are in use and " + megabytes(reserved_) +
                           " promised; close sessions, or allow more (--kv-memory, kvMemory).");
}

void KvPool::give_back(uint64_t reserved) {
  std::lock_guard<std::mutex> lock(mutex_);
  reserved_ -= reserved;
  ++use_->freed;
}

} // namespace bitnet
