// Names the copies and says what they need; compiled without ISA flags.
#include "evex.h"

#include "kernels/cpu_features.h"

using namespace bitnet;

#if defined(__x86_64__) || defined(_M_X64)
namespace bitnet {
extern const TernaryKernel kMad2Evex, kBase3Evex;
extern const ScreenKernel kScreenEvex;
extern const UnitKernel kUnitsEvex;
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

std::vector<const ScreenKernel*> evex_screen_kernels(uint32_t features) {
  static const ScreenKernel screen = evex(kScreenEvex);
  if ((kNeeds & ~features) != 0)
    return {};
  return {&screen};
}

std::vector<const UnitKernel*> evex_unit_kernels(uint32_t features) {
  static const UnitKernel units = evex(kUnitsEvex);
  if ((kNeeds & ~features) != 0)
    return {};
  return {&units};
}
#else
std::vector<const TernaryKernel*> evex_ternary_kernels(uint32_t) {
  return {};
}
std::vector<const ScreenKernel*> evex_screen_kernels(uint32_t) {
  return {};
}
std::vector<const UnitKernel*> evex_unit_kernels(uint32_t) {
  return {};
}
#endif
