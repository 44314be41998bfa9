// Whether the kernels compute on this machine what they are defined to: what `bitnet doctor` asks.
#pragma once
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace bitnet {

/** How one kernel did on small random products and on the largest values. */
struct KernelVerdict {
  std::string family; // "ternary", "neuron", "dense", "prefilter", "vector"
  std::string name;   // "mad2-avx2" of a ternary kernel, "avx2" of others
  std::string wrong;  // the first wrong result, empty when there is none
};

/**
 * Every kernel that a CPU with these features can run, scalar ones included: milliseconds on one
 * thread. Code::kMemory.
 */
Status self_test(uint32_t features, std::vector<KernelVerdict>* out);

/**
 * Each: the first result that is not as the contract defines it or, for floats, not the bits of
 * the scalar kernel; empty when there is none.
 */
std::string check_kernel(const TernaryKernel& kernel);
std::string check_kernel(const GroupKernel& kernel);
std::string check_kernel(const NeuronKernel& kernel);
std::string check_kernel(const DenseKernel& kernel, const DenseKernel& scalar);
std::string check_kernel(const PrefilterKernel& kernel);
std::string check_kernel(const VectorKernel& kernel, const VectorKernel& scalar);

} // namespace bitnet
