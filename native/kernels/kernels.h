// Which kernels exist, which this CPU can run, and which are used: the only place that knows every
// ISA.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>
#include <vector>

#include "../common/status.h"
#include "dense/dense.h"
#include "neuron/neuron.h"
#include "peak/peak.h"
#include "prefilter/prefilter.h"
#include "ternary/ternary.h"
#include "vector/vector.h"

namespace bitnet {

/** The kernels one model uses; resolved once at load, never inside a loop. */
struct KernelSet {
  const TernaryKernel* ternary;
  const DenseKernel* dense;
  const VectorKernel* vector;
  const PrefilterKernel* prefilter;
  const NeuronKernel* neurons; // null where the ternary kernel has no counterpart
};

/** A row of the list a user can print: ternary kernels in priority order, fastest first. */
struct KernelInfo {
  std::string name; // "mad2-avx512vnni"
  std::string isa;  // "avx512vnni"
  bool usable;      // this CPU and OS can run it
};

std::vector<KernelInfo> list_kernels(uint32_t features);

/**
 * For weights with group scales that would use `kernel` without them: of the same family and
 * instruction set, else the first that needs nothing more.
 */
const GroupKernel& groups_of(const TernaryKernel& kernel);

/** "mad2-avx2". */
std::string name_of(const TernaryKernel& kernel);
std::string name_of(const GroupKernel& kernel);

/** The kernel with that name; null when there is none or this CPU cannot run it. */
const TernaryKernel* find_ternary_kernel(uint32_t features, const std::string& name);

/**
 * Chooses by first match in the priority lists. `forced` is empty, a kernel name ("mad2-avx2") or
 * an ISA ("avx2", "scalar"), which also limits the dense and vector kernels to that ISA level.
 * Unknown or unusable: Code::kKernel, naming the choices.
 */
Status select_kernels(uint32_t features, const std::string& forced, KernelSet* out);

/** All kernels this CPU can run, scalar included; for tests, doctor and benchmarks. */
std::vector<const TernaryKernel*> usable_ternary_kernels(uint32_t features);
std::vector<const DenseKernel*> usable_dense_kernels(uint32_t features);
std::vector<const VectorKernel*> usable_vector_kernels(uint32_t features);
std::vector<const PrefilterKernel*> usable_prefilter_kernels(uint32_t features);
std::vector<const GroupKernel*> usable_group_kernels(uint32_t features);
std::vector<const NeuronKernel*> usable_neuron_kernels(uint32_t features);
/** The strongest multiplication first. */
std::vector<const Peak*> usable_peaks(uint32_t features);

} // namespace bitnet
