// Many blocks of memory from few large mappings, so that all of them lie in huge pages.
#pragma once
#include <vector>

#include "aligned_buffer.h"

namespace bitnet {

/**
 * Weights of one layer are a megabyte or two each: in mappings of their own, most would miss the
 * 2 MiB pages that reading them at the memory's full speed needs. Blocks live as long as the arena.
 */
class Arena {
public:
  /** `bytes` zero bytes on a cache line of their own; empty when the system refuses. */
  AlignedBuffer take(size_t bytes);

  /** Keeps a block that was filled elsewhere; returns a view of it. */
  AlignedBuffer adopt(AlignedBuffer&& block);

  /** Gives the block taken last back; its bytes are as they were left when they are taken again. */
  void give_back(const AlignedBuffer& last);

  /**
   * The next block is put where this one is, which nobody needs any more. If it does not fit there,
   * the system gets the memory back as far as it can.
   */
  void recycle(const AlignedBuffer& block);

private:
  std::vector<AlignedBuffer> slabs_;
  size_t used_ = 0;     // of the last slab
  AlignedBuffer spare_; // a view
};

} // namespace bitnet
