// How fast int8 numbers can be multiplied and added: the limit that prefill is held against.
#pragma once
#include "../common/thread_pool.h"

namespace bitnet {

/**
 * Best of several passes in which every thread of the pool multiplies in registers with the best
 * instruction this CPU has, about 20 ms in all; 10^9 multiply-adds per second.
 */
double measure_multiply_peak(ThreadPool& pool);

/** That instruction, such as "VPDPBUSD zmm". */
const char* multiply_instruction();

} // namespace bitnet
