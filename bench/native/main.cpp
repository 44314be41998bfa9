// Measures the machine's limits, then verifies and times the kernels that the options choose.
#include <stdio.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bench.h"
#include "evex/evex.h"
#include "kernels/cpu_features.h"
#include "machine/multiply_peak.h"
#include "measure.h"
#include "peaks.h"
#include "report.h"

using namespace bitnet;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Machine measure_machine(const Options& options) {
  Machine machine = {};
  for (size_t threads : options.threads) {
    Crew crew = {std::make_unique<ThreadPool>(threads), 0};
    crew.gmacs = measured_gmacs(*crew.pool);
    const double memory = measured_memory_gbps(*crew.pool);
    machine.memory_gbps = std::max(machine.memory_gbps, memory);
    Row()
        .text("machine", bitnet::multiply_instruction())
        .number("threads", static_cast<double>(crew.pool->threads()))
        .number("memory_gb_per_s", memory, 1)
        .number("cache_gb_per_s", measured_cache_gbps(*crew.pool), 1)
        .number("peak_gmac_per_s", crew.gmacs, 0)
        .print();
    machine.crews.push_back(std::move(crew));
  }
  return machine;
}

} // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  const std::vector<Shape> shapes = read_shapes(options.shapes, options.shape);
  report_as_json(options.json);
  measure_seconds = options.seconds;
  const Machine machine = measure_machine(options);

  const uint32_t features = detect_cpu_features();
  bool any = false;
  const auto wanted = [&](const std::string& name) {
    const bool yes = contains(name, options.kernel);
    any |= yes;
    return yes;
  };
  std::vector<const TernaryKernel*> ternary = usable_ternary_kernels(features);
  for (const TernaryKernel* kernel : evex_ternary_kernels(features))
    ternary.push_back(kernel);
  for (const TernaryKernel* kernel : ternary)
    if (wanted(std::string(kernel->family) + "-" + kernel->isa))
      for (const Shape& shape : shapes)
        bench_ternary(*kernel, shape, options, machine);

  for (const GroupKernel* kernel : usable_group_kernels(features))
    if (wanted(std::string("groups-") + kernel->family + "-" + kernel->isa))
      for (const Shape& shape : shapes)
        bench_groups(*kernel, shape, options, machine);

  std::vector<const NeuronKernel*> neurons = usable_neuron_kernels(features);
  for (const NeuronKernel* kernel : evex_neuron_kernels(features))
    neurons.push_back(kernel);
  for (const NeuronKernel* kernel : neurons)
    if (wanted(std::string("neuron-") + kernel->family + "-" + kernel->isa))
      bench_neurons(*kernel, options, machine);

  std::vector<const PrefilterKernel*> prefilters = usable_prefilter_kernels(features);
  for (const PrefilterKernel* kernel : evex_prefilter_kernels(features))
    prefilters.push_back(kernel);
  for (const PrefilterKernel* kernel : prefilters)
    if (wanted(std::string("prefilter-") + kernel->isa))
      bench_prefilter(*kernel, machine);
  for (const DenseKernel* kernel : usable_dense_kernels(features))
    if (wanted(std::string("dense-") + kernel->isa))
      bench_dense(*kernel);
  for (const VectorKernel* kernel : usable_vector_kernels(features))
    if (wanted(std::string("vector-") + kernel->isa))
      bench_vector(*kernel);
  if (!any) {
    fprintf(
        stderr,
        "Expected --kernel to be part of a name such as mad2-avx2, dense-avx2, vector-scalar, of "
        "a kernel this CPU can run, got '%s'.\n",
        options.kernel.c_str());
    return 2;
  }
  return 0;
}
