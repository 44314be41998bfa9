// The machine's measured limits, to compare kernels with.
#pragma once
#include <stddef.h>

#include "common/thread_pool.h"

/** Reads from memory, 10^9 bytes per second, all threads of the pool together. */
double measured_memory_gbps(bitnet::ThreadPool& pool);
/** The same from a core's own cache. */
double measured_cache_gbps(bitnet::ThreadPool& pool);
/** int8 multiply-adds in registers, 10^9 per second, with the best instruction this CPU has. */
double measured_gmacs(bitnet::ThreadPool& pool);
