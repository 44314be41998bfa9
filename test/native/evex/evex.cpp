// Names the copies and says what they need; compiled without ISA flags.
#include "evex.h"

#include "kernels/cpu_features.h"

using namespace bitnet;

#if defined(__x86_64__) || defined(_M_X64)
namespace bitnet {
extern const TernaryKernel kMad2Evex, kBase3Evex;
extern const PrefilterKernel kPrefilterEvex;
extern const NeuronKernel kNeuronsEvex;
} // namespace bitnet

namespace {

constexpr uint32_t kNeeds = kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni;

template <class Kernel> Kernel evex(Kernel kernel) {
  kernel.isa = "avxvnni-evex";
  kernel.features = kNeeds;
  return kernel;
}

} // namespace

std::vector<const TernaryKernel*> evex_ternary_kernels(uint32_t features) {
  static const TernaryKernel base3 = evex(kBase3Evex), mad2 = evex(kMad2Evex);
  if ((kNeeds & ~features) != 0)
    return {};
  return {&base3, &mad2};
}

std::vector<const PrefilterKernel*> evex_prefilter_kernels(uint32_t features) {
  static const PrefilterKernel prefilter = evex(kPrefilterEvex);
  if ((kNeeds & ~features) != 0)
    return {};
  return {&prefilter};
}

std::vector<const NeuronKernel*> evex_neuron_kernels(uint32_t features) {
  static const NeuronKernel neurons = evex(kNeuronsEvex);
  if ((kNeeds & ~features) != 0)
    return {};
  return {&neurons};
}
#else
std::vector<const TernaryKernel*> evex_ternary_kernels(uint32_t) {
  return {};
}
std::vector<const PrefilterKernel*> evex_prefilter_kernels(uint32_t) {
  return {};
}
std::vector<const NeuronKernel*> evex_neuron_kernels(uint32_t) {
  return {};
}
#endif
