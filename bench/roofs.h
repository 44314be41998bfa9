// The machine's limits, to compare kernels with.
#pragma once
#include <stddef.h>
#include <stdint.h>

double read_gbps(const uint64_t* p, size_t bytes);

/** int8 multiply-adds per second of one thread at the VPDPBUSD limit, in 10^9; 0 without the
 * instruction. */
double vpdpbusd_gmacs();
