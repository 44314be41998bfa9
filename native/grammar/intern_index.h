// A hash table of numbers of things that are kept elsewhere: each thing once.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

namespace bitnet {

inline uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 29;
}

class InternIndex {
public:
  InternIndex() { clear(); }

  void clear() {
    slots_.assign(64, -1);
    hashes_.assign(64, 0);
    size_ = 0;
  }

  /** The number of the thing that `equals`, or else `fresh`, which is then in the table. */
  template <class Equals> int32_t find(uint64_t hash, int32_t fresh, Equals&& equals) {
    if (2 * (size_ + 1) > slots_.size())
      grow();
    size_t at = hash & (slots_.size() - 1);
    for (; slots_[at] >= 0; at = (at + 1) & (slots_.size() - 1))
      if (hashes_[at] == hash && equals(slots_[at]))
        return slots_[at];
    slots_[at] = fresh;
    hashes_[at] = hash;
    ++size_;
    return fresh;
  }

  size_t bytes() const { return slots_.size() * (sizeof(int32_t) + sizeof(uint64_t)); }

private:
  void grow() {
    std::vector<int32_t> slots(2 * slots_.size(), -1);
    std::vector<uint64_t> hashes(slots.size());
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i] < 0)
        continue;
      size_t at = hashes_[i] & (slots.size() - 1);
      while (slots[at] >= 0)
        at = (at + 1) & (slots.size() - 1);
      slots[at] = slots_[i];
      hashes[at] = hashes_[i];
    }
    slots_ = std::move(slots);
    hashes_ = std::move(hashes);
  }

  std::vector<int32_t> slots_; // powers of two, at most half full; -1: free
  std::vector<uint64_t> hashes_;
  size_t size_ = 0;
};

} // namespace bitnet
