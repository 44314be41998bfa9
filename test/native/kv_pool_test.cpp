// The memory of keys and values: blocks within a budget, given back by whoever is done with them.
#include <stdint.h>

#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "graph/sequence_cache.h"

using namespace bitnet;

namespace {

// Two layers of two heads of 16 values: 8 runs of 32 bytes, 8 KiB a block.
ModelSpec small_spec() {
  ModelSpec spec = {};
  spec.n_layer = 2;
  spec.n_kv_head = 2;
  spec.head_dim = 16;
  return spec;
}

constexpr size_t kBlock = 8 * 32 * kKvBlockPositions;

bool has(const Status& status, const std::string& words) {
  return status.code == Code::kMemory && status.message.find(words) != std::string::npos;
}

} // namespace

TEST("blocks are taken as positions are prepared, and given back when they are cut") {
  auto pool = std::make_shared<KvPool>();
  SequenceCache cache;
  CHECK(cache.allocate(small_spec(), 1000, kKvF16, pool).ok(), "cache");
  CHECK_EQ(pool->used(), uint64_t{0}, "nothing before it is needed");
  CHECK(cache.prepare(33).ok(), "room");
  CHECK_EQ(pool->used(), uint64_t{2 * kBlock}, "33 positions");
  cache.append(nullptr, 33);
  CHECK(cache.prepare(31).ok(), "room");
  CHECK_EQ(pool->used(), uint64_t{2 * kBlock}, "64 positions");
  cache.truncate(32);
  CHECK_EQ(pool->used(), uint64_t{kBlock}, "32 positions");
  const uint64_t freed = pool->freed();
  cache.truncate(0);
  CHECK_EQ(pool->used(), uint64_t{0}, "none");
  CHECK(pool->freed() > freed, "and whoever waits is told");
}

TEST("a pool that is used up refuses with its numbers, and the sequence keeps what it has") {
  auto pool = std::make_shared<KvPool>();
  pool->limit(3 * kBlock);
  SequenceCache first, second;
  CHECK(first.allocate(small_spec(), 1000, kKvF16, pool).ok(), "cache");
  CHECK(second.allocate(small_spec(), 1000, kKvF16, pool).ok(), "cache");
  CHECK(first.prepare(40).ok(), "room");
  first.append(nullptr, 40);
  first.kv.keys(1, 1, 39)[5] = 7;
  CHECK(second.prepare(20).ok(), "room");
  second.append(nullptr, 20);
  CHECK(has(first.prepare(30), "of the 0.0 MB that the model's sessions may use"), "refused");
  CHECK_EQ(first.position.load(), size_t{40}, "");
  CHECK_EQ(int{first.kv.keys(1, 1, 39)[5]}, 7, "");
  CHECK_EQ(pool->used(), uint64_t{3 * kBlock}, "nothing of what failed stays");
  CHECK(first.prepare(24).ok(), "what is left of its block is its own");
  second.truncate(0);
  CHECK(first.prepare(30).ok(), "what another gave back");
}

TEST("what is set aside for one sequence is refused to others until it is given back") {
  auto pool = std::make_shared<KvPool>();
  pool->limit(4 * kBlock);
  SequenceCache first, second;
  CHECK(first.allocate(small_spec(), 1000, kKvF16, pool).ok(), "cache");
  CHECK(second.allocate(small_spec(), 1000, kKvF16, pool).ok(), "cache");
  CHECK(first.kv.reserve(96).ok(), "three blocks");
  CHECK_EQ(pool->stats().reserved, uint64_t{3 * kBlock}, "");
  CHECK(second.prepare(32).ok(), "the fourth");
  second.append(nullptr, 32);
  CHECK(has(second.prepare(1), "promised"), "the others are promised");
  CHECK(has(second.kv.reserve(64), "promised"), "");
  CHECK(first.prepare(96).ok(), "which are there");
  CHECK_EQ(pool->stats().reserved, uint64_t{0}, "");
  CHECK_EQ(pool->used(), uint64_t{4 * kBlock}, "");
  first.append(nullptr, 96);
  first.truncate(10);
  CHECK(first.kv.reserve(64).ok(), "one block more");
  CHECK_EQ(pool->stats().reserved, uint64_t{kBlock}, "");
  first.kv.unreserve();
  CHECK_EQ(pool->stats().reserved, uint64_t{0}, "");
  {
    SequenceCache third;
    CHECK(third.allocate(small_spec(), 1000, kKvF16, pool).ok() && third.kv.reserve(64).ok(), "");
  }
  CHECK_EQ(pool->stats().reserved, uint64_t{0}, "a sequence that goes gives its part back");
}

TEST("several threads take and give back at once") {
  auto pool = std::make_shared<KvPool>();
  pool->limit(40 * kBlock);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t)
    threads.emplace_back([&pool, t] {
      const ModelSpec spec = small_spec();
      for (size_t round = 0; round < 200; ++round) {
        SequenceCache cache;
        if (!cache.allocate(spec, 1000, kKvF16, pool).ok() || !cache.kv.reserve(64).ok() ||
            !cache.prepare(32 * (1 + (round + t) % 4)).ok())
          return;
        cache.append(nullptr, 32);
        cache.truncate(round % 32);
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK_EQ(pool->used(), uint64_t{0}, "");
  CHECK_EQ(pool->stats().reserved, uint64_t{0}, "");
}
