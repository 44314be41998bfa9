// The choice of kernels: priority, forced names, refusals.
#include "kernels/kernels.h"

#include <string>

#include "check.h"
#include "kernels/cpu_features.h"

using namespace bitnet;

namespace {

std::string chosen(const KernelSet& set) {
  return std::string(set.ternary->family) + "-" + set.ternary->isa + " " + set.dense->isa + " " +
         set.vector->isa;
}

std::string choose(uint32_t features, const std::string& forced) {
  KernelSet set = {};
  const Status status = select_kernels(features, forced, &set);
  return status.ok() ? chosen(set) : status.message;
}

} // namespace

TEST("a CPU without features runs the scalar kernels") {
  CHECK_EQ(choose(0, ""), "mad2-scalar scalar scalar", "");
  CHECK_EQ(choose(0, "scalar"), "mad2-scalar scalar scalar", "");
}

TEST("an unknown kernel is refused with the names that can be used") {
  CHECK_EQ(choose(0, "mmx"),
           "Expected a kernel this CPU can run (mad2-scalar, base3-scalar, lut-scalar, or only the "
           "part after the dash), but received \"mmx\" (--kernel, kernel, BITNET_KERNEL), which is "
           "not the name of a kernel in this build.",
           "");
}

TEST("every kernel this CPU can run can be forced by name and by ISA") {
  const uint32_t features = detect_cpu_features();
  for (const KernelInfo& info : list_kernels(features)) {
    if (!info.usable)
      continue;
    CHECK_EQ(choose(features, info.name).substr(0, info.name.size()), info.name, info.name);
    CHECK(choose(features, info.isa).find(info.isa) != std::string::npos, info.isa);
  }
}

#if defined(__x86_64__) || defined(_M_X64)
TEST("the fastest usable kernel is chosen, and a forced one bounds the others") {
  const uint32_t avx2 = kCpuAvx2, avx512 = kCpuAvx2 | kCpuAvx512, vnni = avx512 | kCpuAvx512Vnni;
  CHECK_EQ(choose(vnni, ""), "base3-avx512vnni avx512 avx512", "");
  CHECK_EQ(choose(avx512, ""), "mad2-avx2 avx512 avx512", "AVX-512 without VNNI");
  CHECK_EQ(choose(avx2, ""), "mad2-avx2 avx2 avx2", "");
  CHECK_EQ(choose(vnni, "avx512vnni"), "base3-avx512vnni avx512 avx512", "");
  CHECK_EQ(choose(vnni, "mad2-avx512vnni"), "mad2-avx512vnni avx512 avx512", "");
  CHECK_EQ(choose(vnni, "avx2"), "mad2-avx2 avx2 avx2", "");
  CHECK_EQ(choose(vnni, "mad2-avx2"), "mad2-avx2 avx2 avx2", "");
  CHECK_EQ(choose(vnni, "lut-avx2"), "lut-avx2 avx2 avx2", "");
  CHECK_EQ(choose(vnni, "mad2-scalar"), "mad2-scalar scalar scalar", "");
}

TEST("AVX-VNNI comes after AVX-512 VNNI and before AVX2, with the AVX2 dense and vector kernels") {
  const uint32_t avxvnni = kCpuAvx2 | kCpuAvxVnni;
  const uint32_t both = avxvnni | kCpuAvx512 | kCpuAvx512Vnni;
  KernelSet set = {};
  CHECK(select_kernels(avxvnni, "", &set).ok(), "chosen");
  bool built = false; // an old compiler leaves it out
  for (const KernelInfo& info : list_kernels(avxvnni))
    built |= info.isa == "avxvnni" && info.usable;
  CHECK_EQ(choose(avxvnni, ""), built ? "base3-avxvnni avx2 avx2" : "mad2-avx2 avx2 avx2", "");
  CHECK_EQ(set.prefilter->isa, std::string(built ? "avxvnni" : "avx2"), "prefilter");
  CHECK_EQ(choose(both, ""), "base3-avx512vnni avx512 avx512", "");
  if (built) {
    CHECK_EQ(choose(both, "avxvnni"), "base3-avxvnni avx2 avx2", "");
    CHECK_EQ(choose(both, "mad2-avxvnni"), "mad2-avxvnni avx2 avx2", "");
    CHECK(select_kernels(kCpuAvx2, "avxvnni", &set).code == Code::kKernel, "code");
  }
}

TEST("a kernel the CPU cannot run is refused, never replaced") {
  CHECK_EQ(choose(kCpuAvx2, "avx512vnni"),
           "Expected a kernel this CPU can run (mad2-avx2, lut-avx2, mad2-scalar, base3-scalar, "
           "lut-scalar, or only the part after the dash), but received \"avx512vnni\" (--kernel, "
           "kernel, BITNET_KERNEL), which needs instructions that this CPU or its operating system "
           "does not offer.",
           "");
  KernelSet set = {};
  CHECK(select_kernels(0, "mad2-avx2", &set).code == Code::kKernel, "code");
  CHECK(set.ternary == nullptr, "untouched");
}

TEST("kernels are listed fastest first with what this CPU can run") {
  const std::vector<KernelInfo> list = list_kernels(kCpuAvx2);
  bool usable_seen = false;
  for (const KernelInfo& kernel : list) {
    CHECK_EQ(kernel.usable, kernel.isa == "avx2" || kernel.isa == "scalar", kernel.name);
    CHECK(!(usable_seen && kernel.isa == "avx512vnni"), "slower kernels come after faster ones");
    usable_seen |= kernel.usable;
  }
  CHECK_EQ(list[0].name, "base3-avx512vnni", "");
}
#endif

#if defined(__aarch64__) || defined(_M_ARM64)
TEST("the fastest usable NEON kernel is chosen, with the NEON dense and vector kernels") {
  const uint32_t neon = kCpuNeon, dot = neon | kCpuNeonDot, i8mm = dot | kCpuNeonI8mm;
  CHECK_EQ(choose(i8mm, ""), "mad2-neoni8mm neon neon", "");
  CHECK_EQ(choose(dot, ""), "mad2-neondot neon neon", "");
  CHECK_EQ(choose(neon, ""), "mad2-neon neon neon", "");
  CHECK_EQ(choose(i8mm, "neondot"), "mad2-neondot neon neon", "");
  CHECK_EQ(choose(i8mm, "base3-neoni8mm"), "base3-neoni8mm neon neon", "");
  CHECK_EQ(choose(i8mm, "lut-neon"), "lut-neon neon neon", "");
  CHECK_EQ(choose(i8mm, "scalar"), "mad2-scalar scalar scalar", "");
  KernelSet set = {};
  CHECK(select_kernels(neon, "neondot", &set).code == Code::kKernel, "code");
}
#endif
