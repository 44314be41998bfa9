// Asks the CPU (and what its operating system saves on a context switch) which instructions may be
// used.
#include "cpu_features.h"

#if defined(__x86_64__) || defined(_M_X64)
#define BITNET_X86 1
#if defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#elif defined(__aarch64__) || defined(_M_ARM64)
#define BITNET_ARM64 1
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(_WIN32)
#include <windows.h>
#endif
#endif

namespace bitnet {
namespace {

#if defined(BITNET_X86)

struct CpuidLeaf {
  uint32_t eax, ebx, ecx, edx;
};

/**
 * Leaf of CPUID; all zeros beyond the highest leaf, where older CPUs answer with another leaf's
 * data.
 */
CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidLeaf r = {0, 0, 0, 0};
#if defined(_MSC_VER)
  int v[4];
  __cpuid(v, 0);
  if (static_cast<uint32_t>(v[0]) < leaf)
    return r;
  __cpuidex(v, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<uint32_t>(v[0]), static_cast<uint32_t>(v[1]), static_cast<uint32_t>(v[2]),
       static_cast<uint32_t>(v[3])};
#else
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
#endif
  return r;
}

/** XCR0: which register files the operating system saves. Only legal when CPUID reports OSXSAVE. */
uint64_t read_xcr0() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high; // inline assembly, because _xgetbv() would need -mxsave here
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
#endif
}

bool has(uint32_t word, unsigned bit) {
  return (word >> bit & 1) != 0;
}

uint32_t detect_x86() {
  const CpuidLeaf one = cpuid(1, 0);
  if (!has(one.ecx, 27))
    return 0; // OSXSAVE: XGETBV may be executed
  const uint64_t xcr0 = read_xcr0();
  const uint64_t kYmmState = 0x06; // SSE (bit 1), upper halves of ymm (bit 2)
  const uint64_t kZmmState = 0xe6; // and k0..k7 (5), upper halves of zmm0..15 (6), zmm16..31 (7)
  // macOS turns the zmm bits on at a thread's first use only, so AVX-512 is not found there:
  // slower, never wrong.
  if ((xcr0 & kYmmState) != kYmmState)
    return 0;

  const CpuidLeaf seven = cpuid(7, 0);
  const CpuidLeaf seven_one = seven.eax >= 1 ? cpuid(7, 1) : CpuidLeaf{0, 0, 0, 0};
  const bool fma = has(one.ecx, 12), avx = has(one.ecx, 28), f16c = has(one.ecx, 29);
  if (!avx || !fma || !f16c || !has(seven.ebx, 5))
    return 0; // AVX2 is leaf 7 EBX bit 5
  uint32_t features = kCpuAvx2;
  if (has(seven_one.eax, 4))
    features |= kCpuAvxVnni;

  const bool f = has(seven.ebx, 16), dq = has(seven.ebx, 17);
  const bool bw = has(seven.ebx, 30), vl = has(seven.ebx, 31);
  if ((xcr0 & kZmmState) == kZmmState && f && dq && bw && vl) {
    features |= kCpuAvx512;
    if (has(seven.ecx, 11))
      features |= kCpuAvx512Vnni;
    if (has(seven.ecx, 1))
      features |= kCpuAvx512Vbmi;
  }
  return features;
}

#elif defined(BITNET_ARM64)

#if defined(__APPLE__)
bool sysctl_flag(const char* name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}
#endif

uint32_t detect_arm64() {
  uint32_t features = kCpuNeon;                  // part of the base architecture
#if defined(__linux__)
  const unsigned long kHwcapAsimdDp = 1ul << 20; // written out: older C libraries lack the names
  const unsigned long kHwcap2I8mm = 1ul << 13;
  if (getauxval(AT_HWCAP) & kHwcapAsimdDp)
    features |= kCpuNeonDot;
  if (getauxval(AT_HWCAP2) & kHwcap2I8mm)
    features |= kCpuNeonI8mm;
#elif defined(__APPLE__)
  if (sysctl_flag("hw.optional.arm.FEAT_DotProd"))
    features |= kCpuNeonDot;
  if (sysctl_flag("hw.optional.arm.FEAT_I8MM"))
    features |= kCpuNeonI8mm;
#elif defined(_WIN32)
  const DWORD kDotProduct = 43,
              kI8mm = 66; // PF_ARM_V82_DP_…, PF_ARM_V82_I8MM_…: missing in older SDKs
  if (IsProcessorFeaturePresent(kDotProduct))
    features |= kCpuNeonDot;
  if (IsProcessorFeaturePresent(kI8mm))
    features |= kCpuNeonI8mm;
#endif
  return features;
}

#endif

} // namespace

uint32_t detect_cpu_features() {
#if defined(BITNET_X86)
  return detect_x86();
#elif defined(BITNET_ARM64)
  return detect_arm64();
#else
  return 0;
#endif
}

} // namespace bitnet
