// The priority lists, the forced choice and its refusals. A new kernel is declared and
// listed here.
#include "kernels.h"

#include <string.h>

#include "cpu_features.h"

namespace bitnet {

// One descriptor per kernel file; declared here only, because nothing else may name an ISA.
extern const TernaryKernel kMad2Scalar;
extern const DenseKernel kDenseScalar;
extern const VectorKernel kVectorScalar;
extern const PrefilterKernel kPrefilterScalar;
extern const TernaryKernel kBase3Scalar, kLutScalar;
extern const NeuronKernel kNeuronsScalar;
extern const GroupKernel kGroupsMad2Scalar, kGroupsBase3Scalar;
extern const Peak kPeakScalar;
#if defined(__x86_64__) || defined(_M_X64)
extern const TernaryKernel kMad2Avx2, kMad2Avx512Vnni, kBase3Avx512Vnni, kLutAvx2;
extern const DenseKernel kDenseAvx2, kDenseAvx512;
extern const VectorKernel kVectorAvx2, kVectorAvx512;
extern const PrefilterKernel kPrefilterAvx2, kPrefilterAvx512Vnni;
extern const NeuronKernel kNeuronsAvx512Vnni, kNeuronsAvx2;
extern const GroupKernel kGroupsBase3Avx512Vnni, kGroupsMad2Avx512Vnni, kGroupsMad2Avx2;
extern const Peak kPeakAvx2, kPeakAvx512Vnni;
#if defined(BITNET_AVXVNNI) // the compiler knows it
extern const TernaryKernel kMad2AvxVnni, kBase3AvxVnni;
extern const PrefilterKernel kPrefilterAvxVnni;
extern const NeuronKernel kNeuronsAvxVnni;
extern const Peak kPeakAvxVnni;
#endif
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
extern const TernaryKernel kMad2Neon, kMad2NeonDot, kMad2NeonI8mm;
extern const TernaryKernel kBase3NeonDot, kBase3NeonI8mm, kLutNeon;
extern const DenseKernel kDenseNeon;
extern const VectorKernel kVectorNeon;
extern const PrefilterKernel kPrefilterNeon, kPrefilterNeonDot;
extern const GroupKernel kGroupsMad2Neon, kGroupsMad2NeonDot;
extern const NeuronKernel kNeuronsNeon, kNeuronsNeonDot, kNeuronsNeonI8mm;
extern const Peak kPeakNeon, kPeakNeonDot, kPeakNeonI8mm;
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
const PrefilterKernel* const kPrefilterKernels[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kPrefilterAvx512Vnni,
#if defined(BITNET_AVXVNNI)
    &kPrefilterAvxVnni,
#endif
    &kPrefilterAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kPrefilterNeonDot,    &kPrefilterNeon,
#endif
    &kPrefilterScalar,
};

const GroupKernel* const kGroupKernels[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kGroupsBase3Avx512Vnni, &kGroupsMad2Avx512Vnni, &kGroupsMad2Avx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kGroupsMad2NeonDot,     &kGroupsMad2Neon,
#endif
    &kGroupsMad2Scalar,      &kGroupsBase3Scalar,
};

const NeuronKernel* const kNeuronKernels[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kNeuronsAvx512Vnni,
#if defined(BITNET_AVXVNNI)
    &kNeuronsAvxVnni,
#endif
    &kNeuronsAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kNeuronsNeonI8mm,   &kNeuronsNeonDot, &kNeuronsNeon,
#endif
    &kNeuronsScalar,
};

const Peak* const kPeaks[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kPeakAvx512Vnni,
#if defined(BITNET_AVXVNNI)
    &kPeakAvxVnni,
#endif
    &kPeakAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kPeakNeonI8mm,   &kPeakNeonDot, &kPeakNeon,
#endif
    &kPeakScalar,
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

// The neuron kernel of the same family and instruction set, or null: slower code is not worth a
// skip.
const NeuronKernel* neurons_of(const TernaryKernel* kernel) {
  for (const NeuronKernel* neurons : kNeuronKernels)
    if (strcmp(neurons->family, kernel->family) == 0 && strcmp(neurons->isa, kernel->isa) == 0)
      return neurons;
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

const GroupKernel& groups_of(const TernaryKernel& kernel) {
  for (const GroupKernel* groups : kGroupKernels)
    if (strcmp(groups->family, kernel.family) == 0 && strcmp(groups->isa, kernel.isa) == 0)
      return *groups;
  return *usable_kernels(kGroupKernels, kernel.features)[0];
}

std::string name_of(const TernaryKernel& kernel) {
  return std::string(kernel.family) + "-" + kernel.isa;
}

std::string name_of(const GroupKernel& kernel) {
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
            usable_kernels(kVectorKernels, level)[0], usable_kernels(kPrefilterKernels, level)[0],
            neurons_of(kernel)};
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
std::vector<const PrefilterKernel*> usable_prefilter_kernels(uint32_t features) {
  return usable_kernels(kPrefilterKernels, features);
}
std::vector<const GroupKernel*> usable_group_kernels(uint32_t features) {
  return usable_kernels(kGroupKernels, features);
}
std::vector<const NeuronKernel*> usable_neuron_kernels(uint32_t features) {
  return usable_kernels(kNeuronKernels, features);
}
std::vector<const Peak*> usable_peaks(uint32_t features) {
  return usable_kernels(kPeaks, features);
}

} // namespace bitnet
