// Stripes of four words, a word per lane, so that the multiplications do not wait for each other.
#include "checksum.h"

#include <string.h>

#include <algorithm>

namespace bitnet {
namespace {

constexpr uint64_t kOdd = 0x9e3779b97f4a7c15u; // 2^64 / golden ratio: bits spread well

uint64_t rotated(uint64_t x) {
  return (x << 29) | (x >> 35);
}

uint64_t folded(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * kOdd;
  return hash ^ (hash >> 32);
}

} // namespace

Checksum::Checksum(uint64_t seed) {
  for (uint64_t i = 0; i < 4; ++i)
    lanes_[i] = folded(seed, i + 1);
}

void Checksum::add(const void* data, size_t count) {
  const uint8_t* bytes = static_cast<const uint8_t*>(data);
  const size_t waiting = length_ % kStripe;
  length_ += count;
  if (waiting > 0) {
    const size_t part = std::min(kStripe - waiting, count);
    memcpy(rest_ + waiting, bytes, part);
    if (waiting + part < kStripe)
      return;
    stripes(rest_, kStripe);
    bytes += part;
    count -= part;
  }
  const size_t whole = count / kStripe * kStripe;
  stripes(bytes, whole);
  if (count > whole)
    memcpy(rest_, bytes + whole, count - whole);
}

uint64_t Checksum::value() const {
  Checksum padded = *this;
  const size_t waiting = length_ % kStripe;
  if (waiting > 0) {
    memset(padded.rest_ + waiting, 0, kStripe - waiting);
    padded.stripes(padded.rest_, kStripe);
  }
  uint64_t hash = folded(0, length_);
  for (uint64_t lane : padded.lanes_)
    hash = folded(hash, lane);
  return hash;
}

void Checksum::stripes(const uint8_t* bytes, size_t count) {
  uint64_t lanes[4];
  memcpy(lanes, lanes_, sizeof lanes);
  for (size_t at = 0; at < count; at += kStripe) {
    uint64_t words[4];
    memcpy(words, bytes + at, sizeof words);
    for (size_t i = 0; i < 4; ++i)
      lanes[i] = rotated((lanes[i] ^ words[i]) * kOdd);
  }
  memcpy(lanes_, lanes, sizeof lanes);
}

} // namespace bitnet
