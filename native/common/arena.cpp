// A stack of slabs; blocks are cut from the last one.
#include "arena.h"

#include <algorithm>

namespace bitnet {
namespace {

#if defined(__unix__) || defined(__APPLE__)
constexpr size_t kSlab = size_t{64} << 20; // untouched pages of the last one cost nothing
#else
constexpr size_t kSlab = 0; // the allocator touches all: every block on its own
#endif
constexpr size_t kLine = 64;

size_t round_up(size_t bytes) {
  return (bytes + kLine - 1) & ~(kLine - 1);
}

} // namespace

AlignedBuffer Arena::take(size_t bytes) {
  AlignedBuffer spare = std::move(spare_);
  spare_ = {};
  if (bytes > 0 && bytes <= spare.size())
    return AlignedBuffer::view(spare.data(), bytes);
#if defined(__unix__) || defined(__APPLE__)
  spare.discard(); // a part of a mapping
#endif
  const size_t rounded = round_up(bytes);
  if (slabs_.empty() || slabs_.back().size() - used_ < rounded) {
    AlignedBuffer slab;
    if (!slab.allocate(std::max(rounded, kSlab), AlignedBuffer::Pages::kHuge) &&
        !slab.allocate(rounded, AlignedBuffer::Pages::kHuge))
      return {};
    slabs_.push_back(std::move(slab));
    used_ = 0;
  }
  uint8_t* data = slabs_.back().data() + used_;
  used_ += rounded;
  return AlignedBuffer::view(data, bytes);
}

AlignedBuffer Arena::adopt(AlignedBuffer&& block) {
  AlignedBuffer view = AlignedBuffer::view(block.data(), block.size());
  slabs_.insert(slabs_.begin(), std::move(block)); // not the last, from which blocks are cut
  if (slabs_.size() == 1)
    used_ = view.size();
  return view;
}

void Arena::give_back(const AlignedBuffer& last) {
  const size_t rounded = round_up(last.size());
  if (!slabs_.empty() && last.data() + rounded == slabs_.back().data() + used_)
    used_ -= rounded;
  else
    recycle(last); // it was put in the place of another
}

void Arena::recycle(const AlignedBuffer& block) {
  spare_ = AlignedBuffer::view(block.data(), block.size());
}

} // namespace bitnet
