// What this CPU and its operating system let us run, as one bitmask.
#pragma once
#include <stdint.h>

namespace bitnet {

enum CpuFeature : uint32_t {
  kCpuAvx2 = 1u << 0,       // AVX2, FMA and F16C, and the OS saves ymm registers
  kCpuAvxVnni = 1u << 1,    // VPDPBUSD on ymm, VEX encoded
  kCpuAvx512 = 1u << 2,     // AVX-512 F, BW, DQ, VL, and the OS saves zmm and mask registers
  kCpuAvx512Vnni = 1u << 3, // VPDPBUSD on zmm
  kCpuAvx512Vbmi = 1u << 4, // VPERMB, VPERMI2B
  kCpuNeon = 1u << 8,       // Advanced SIMD: every aarch64
  kCpuNeonDot = 1u << 9,    // SDOT, UDOT
  kCpuNeonI8mm = 1u << 10,  // USDOT, SMMLA, USMMLA
};

/** What users call a feature. */
struct CpuFeatureName {
  CpuFeature bit;
  const char* name;
};

constexpr CpuFeatureName kCpuFeatureNames[] = {
    {kCpuAvx2, "avx2"},
    {kCpuAvxVnni, "avxvnni"},
    {kCpuAvx512, "avx512"},
    {kCpuAvx512Vnni, "avx512vnni"},
    {kCpuAvx512Vbmi, "avx512vbmi"},
    {kCpuNeon, "neon"},
    {kCpuNeonDot, "neondot"},
    {kCpuNeonI8mm, "neoni8mm"},
};

/** Bitmask of CpuFeature. Compiled without any ISA flag, so it runs everywhere. */
uint32_t detect_cpu_features();

} // namespace bitnet
