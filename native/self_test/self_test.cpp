// Family by family, in the order in which kernels are chosen.
#include "self_test.h"

#include <new>

namespace bitnet {

Status self_test(uint32_t features, std::vector<KernelVerdict>* out) {
  try {
    for (const TernaryKernel* kernel : usable_ternary_kernels(features))
      out->push_back({"ternary", name_of(*kernel), check_kernel(*kernel)});
    for (const GroupKernel* kernel : usable_group_kernels(features))
      out->push_back({"groups", name_of(*kernel), check_kernel(*kernel)});
    for (const NeuronKernel* kernel : usable_neuron_kernels(features))
      out->push_back({"neuron", kernel->isa, check_kernel(*kernel)});
    const DenseKernel& dense = *usable_dense_kernels(0).front();
    for (const DenseKernel* kernel : usable_dense_kernels(features))
      out->push_back({"dense", kernel->isa, check_kernel(*kernel, dense)});
    for (const PrefilterKernel* kernel : usable_prefilter_kernels(features))
      out->push_back({"prefilter", kernel->isa, check_kernel(*kernel)});
    const VectorKernel& vector = *usable_vector_kernels(0).front();
    for (const VectorKernel* kernel : usable_vector_kernels(features))
      out->push_back({"vector", kernel->isa, check_kernel(*kernel, vector)});
  } catch (const std::bad_alloc&) {
    return Status::error(Code::kMemory, "Not enough memory to test the kernels.");
  }
  return {};
}

} // namespace bitnet
