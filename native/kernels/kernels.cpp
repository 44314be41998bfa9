// The priority lists, the forced choice and its refusals; adding an ISA adds one row here.
#include "kernels.h"

#include <string.h>

#include "cpu_features.h"

namespace bitnet {

// One descriptor per kernel file; declared here only, because nothing else may name an ISA.
extern const TernaryKernel kMad2Scalar;
extern const DenseKernel kDenseScalar;
extern const VectorKernel kVectorScalar;
extern const ScreenKernel kScreenScalar;
extern const TernaryKernel kBase3Scalar, kLutScalar;
extern const UnitKernel kUnitsScalar;
extern const Roof kRoofScalar;
#if defined(__x86_64__) || defined(_M_X64)
extern const TernaryKernel kMad2Avx2, kMad2Avx512Vnni, kBase3Avx512Vnni, kLutAvx2;
extern const DenseKernel kDenseAvx2, kDenseAvx512;
extern const VectorKernel kVectorAvx2, kVectorAvx512;
extern const ScreenKernel kScreenAvx2, kScreenAvx512Vnni;
extern const UnitKernel kUnitsAvx512Vnni, kUnitsAvx2;
extern const Roof kRoofAvx2, kRoofAvx512Vnni;
#if defined(BITNET_AVXVNNI) // the compiler knows it
extern const TernaryKernel kMad2AvxVnni, kBase3AvxVnni;
extern const ScreenKernel kScreenAvxVnni;
extern const UnitKernel kUnitsAvxVnni;
extern const Roof kRoofAvxVnni;
#endif
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
extern const TernaryKernel kMad2Neon, kMad2NeonDot, kMad2NeonI8mm;
extern const TernaryKernel kBase3NeonDot, kBase3NeonI8mm, kLutNeon;
extern const DenseKernel kDenseNeon;
extern const VectorKernel kVectorNeon;
extern const ScreenKernel kScreenNeon, kScreenNeonDot;
extern const UnitKernel kUnitsNeon, kUnitsNeonDot, kUnitsNeonI8mm;
extern const Roof kRoofNeon, kRoofNeonDot, kRoofNeonI8mm;
#endif

namespace {

// Fastest first: the first one whose features the CPU has is used.
const TernaryKernel* const kTernaryKernels[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kBase3Avx512Vnni, &kMad2Avx512Vnni,
#if defined(BITNET_AVXVNNI)
    &kBase3AvxVnni,    &kMad2AvxVnni,
#endif
    &kMad2Avx2,        &kLutAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kMad2NeonI8mm,    &kBase3NeonI8mm,  &kMad2NeonDot, &kBase3NeonDot, &kMad2Neon, &kLutNeon,
#endif
    &kMad2Scalar,      &kBase3Scalar,    &kLutScalar,
};
const DenseKernel* const kDenseKernels[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kDenseAvx512,
    &kDenseAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kDenseNeon,
#endif
    &kDenseScalar,
};
const VectorKernel* const kVectorKernels[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kVectorAvx512,
    &kVectorAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kVectorNeon,
#endif
    &kVectorScalar,
};
const ScreenKernel* const kScreenKernels[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kScreenAvx512Vnni,
#if defined(BITNET_AVXVNNI)
    &kScreenAvxVnni,
#endif
    &kScreenAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kScreenNeonDot,    &kScreenNeon,
#endif
    &kScreenScalar,
};

const UnitKernel* const kUnitKernels[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kUnitsAvx512Vnni,
#if defined(BITNET_AVXVNNI)
    &kUnitsAvxVnni,
#endif
    &kUnitsAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kUnitsNeonI8mm,   &kUnitsNeonDot, &kUnitsNeon,
#endif
    &kUnitsScalar,
};

const Roof* const kRoofs[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kRoofAvx512Vnni,
#if defined(BITNET_AVXVNNI)
    &kRoofAvxVnni,
#endif
    &kRoofAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kRoofNeonI8mm,   &kRoofNeonDot, &kRoofNeon,
#endif
    &kRoofScalar,
};

template <class Kernel> bool usable(const Kernel* kernel, uint32_t features) {
  return (kernel->features & ~features) == 0;
}

template <class Kernel, size_t kCount>
std::vector<const Kernel*> usable_kernels(const Kernel* const (&list)[kCount], uint32_t features) {
  std::vector<const Kernel*> found;
  for (const Kernel* kernel : list)
    if (usable(kernel, features))
      found.push_back(kernel);
  return found;
}

// The unit kernel of the same family and instruction set, or null: slower code is not worth a skip.
const UnitKernel* units_of(const TernaryKernel* kernel) {
  for (const UnitKernel* units : kUnitKernels)
    if (strcmp(units->family, kernel->family) == 0 && strcmp(units->isa, kernel->isa) == 0)
      return units;
  return nullptr;
}

bool matches(const TernaryKernel* kernel, const std::string& forced) {
  return forced.empty() || forced == kernel->isa || forced == name_of(*kernel);
}

std::string choices(uint32_t features) {
  std::string text;
  for (const TernaryKernel* kernel : usable_kernels(kTernaryKernels, features))
    text += (text.empty() ? "" : ", ") + name_of(*kernel);
  return text;
}

} // namespace

std::string name_of(const TernaryKernel& kernel) {
  return std::string(kernel.family) + "-" + kernel.isa;
}

const TernaryKernel* find_ternary_kernel(uint32_t features, const std::string& name) {
  for (const TernaryKernel* kernel : usable_kernels(kTernaryKernels, features))
    if (name == name_of(*kernel))
      return kernel;
  return nullptr;
}

std::vector<KernelInfo> list_kernels(uint32_t features) {
  std::vector<KernelInfo> list;
  for (const TernaryKernel* kernel : kTernaryKernels)
    list.push_back({name_of(*kernel), kernel->isa, usable(kernel, features)});
  return list;
}

Status select_kernels(uint32_t features, const std::string& forced, KernelSet* out) {
  bool known = false;
  for (const TernaryKernel* kernel : kTernaryKernels) {
    if (!matches(kernel, forced))
      continue;
    known = true;
    if (!usable(kernel, features))
      continue;
    // A forced kernel's own needs are the ISA level the others must stay within.
    const uint32_t level = forced.empty() ? features : kernel->features;
    *out = {kernel, usable_kernels(kDenseKernels, level)[0],
            usable_kernels(kVectorKernels, level)[0], usable_kernels(kScreenKernels, level)[0],
            units_of(kernel)};
    return Status{};
  }
  return Status::error(
      Code::kKernel,
      "Expected a kernel this CPU can run (" + choices(features) +
          ", or only the part after the dash), but received \"" + forced +
          "\" (--kernel, kernel, BITNET_KERNEL), which " +
          (known ? "needs instructions that this CPU or its operating system does not offer."
                 : "is not the name of a kernel in this build."));
}

std::vector<const TernaryKernel*> usable_ternary_kernels(uint32_t features) {
  return usable_kernels(kTernaryKernels, features);
}
std::vector<const DenseKernel*> usable_dense_kernels(uint32_t features) {
  return usable_kernels(kDenseKernels, features);
}
std::vector<const VectorKernel*> usable_vector_kernels(uint32_t features) {
  return usable_kernels(kVectorKernels, features);
}
std::vector<const ScreenKernel*> usable_screen_kernels(uint32_t features) {
  return usable_kernels(kScreenKernels, features);
}
std::vector<const UnitKernel*> usable_unit_kernels(uint32_t features) {
  return usable_kernels(kUnitKernels, features);
}
std::vector<const Roof*> usable_roofs(uint32_t features) {
  return usable_kernels(kRoofs, features);
}

} // namespace bitnet
