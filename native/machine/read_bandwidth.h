// How fast memory can be read: the limit that decoding is held against.
#pragma once
#include "../common/status.h"
#include "../common/thread_pool.h"

namespace bitnet {

/** Far more than caches hold. */
constexpr size_t kReadBandwidthBlock = size_t{512} << 20;

/**
 * Best of several passes in which the pool's threads together read a block of `bytes`, a multiple
 * of 1 MiB, on huge pages where the system has them; 10^9 bytes per second. kMemory when the system
 * refuses the block.
 */
Status measure_read_bandwidth(ThreadPool& pool, size_t bytes, double* gigabytes_per_second);

} // namespace bitnet
