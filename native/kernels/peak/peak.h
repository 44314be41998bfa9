// Contract of the loops that find this machine's limits: one instruction set's reads and int8
// multiply-adds.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

/** Return values only stop the compiler from removing the loops. */
struct Peak {
  const char* instruction; // that multiplies, "VPDPBUSD zmm"
  uint32_t features;       // CpuFeature bits it needs
  /** Reads `bytes`, a multiple of 1024, on a 64-byte boundary; null: use another ISA's. */
  uint64_t (*read)(const void* p, size_t bytes);
  /** Multiplies and adds in registers. */
  uint64_t (*multiply)(size_t rounds);
  size_t macs; // int8 multiply-adds of one round
};

} // namespace bitnet
