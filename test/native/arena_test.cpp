// Blocks of an arena: apart, aligned, zero, and given back in turn.
#include <string.h>

#include <vector>

#include "check.h"
#include "common/arena.h"

using namespace bitnet;

TEST("an arena gives zeroed blocks that do not overlap, whatever their size") {
  Arena arena;
  std::vector<AlignedBuffer> blocks;
  for (size_t bytes : {size_t{1}, size_t{63}, size_t{64}, size_t{5000}, size_t{40} << 20,
                       size_t{40} << 20, size_t{100} << 20, size_t{7}}) {
    AlignedBuffer block = arena.take(bytes);
    CHECK_EQ(block.size(), bytes, "size");
    CHECK_EQ(reinterpret_cast<uintptr_t>(block.data()) % 64, uintptr_t{0}, "alignment");
    CHECK_EQ(block.data()[0] + block.data()[bytes - 1], 0, "zero");
    block.data()[0] = block.data()[bytes - 1] = static_cast<uint8_t>(blocks.size() + 1);
    blocks.push_back(std::move(block));
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    CHECK_EQ(blocks[i].data()[0], static_cast<uint8_t>(i + 1), "first byte");
    CHECK_EQ(blocks[i].data()[blocks[i].size() - 1], static_cast<uint8_t>(i + 1), "last byte");
  }
}

TEST("a block given back is taken again") {
  Arena arena;
  arena.take(100);
  AlignedBuffer block = arena.take(1000);
  const uint8_t* place = block.data();
  arena.give_back(block);
  CHECK(arena.take(500).data() == place, "the same place");
}

TEST("a block takes the place of one that nobody needs, where it fits") {
  Arena arena;
  AlignedBuffer first = arena.take(1000), second = arena.take(1000);
  const uint8_t* place = first.data();
  arena.recycle(first);
  CHECK(arena.take(900).data() == place, "it fits");
  CHECK(arena.take(100).data() != place, "only the next one");
  arena.recycle(second);
  AlignedBuffer large = arena.take(size_t{1} << 20);
  large.data()[0] = 1;
  CHECK(large.data() != second.data(), "it does not fit");
  arena.recycle(large);
  AlignedBuffer inside = arena.take(64);
  arena.give_back(inside); // not the last of the arena: only its place is free again
  CHECK(arena.take(64).data() == inside.data(), "the same place");
}
