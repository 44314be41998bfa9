// Verifies every kernel this CPU can run against scalar, then times it on one thread beside the
// machine's roofs.
//
//   bitnet_bench [shapes.txt] [filter]      filter: part of "mad2-avx2", "dense-avx512",
//   "vector-avx2", …
#include <stdio.h>

#include <string>
#include <vector>

#include "bench.h"
#include "evex/evex.h"
#include "kernels/cpu_features.h"
#include "measure.h"
#include "roofs.h"

using namespace bitnet;

namespace {

std::vector<Shape> read_shapes(const char* path) {
  std::vector<Shape> shapes;
  FILE* file = fopen(path, "r");
  char line[256];
  while (file && fgets(line, sizeof line, file)) {
    Shape s;
    if (sscanf(line, "%zu %zu", &s.rows, &s.cols) == 2)
      shapes.push_back(s);
  }
  if (file)
    fclose(file);
  return shapes;
}

} // namespace

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "bench/shapes.txt";
  const std::string filter = argc > 2 ? argv[2] : "";
  const auto wanted = [&](const std::string& name) {
    return name.find(filter) != std::string::npos;
  };
  const std::vector<Shape> shapes = read_shapes(path);
  if (shapes.empty()) {
    printf("Expected lines 'rows cols' in %s, found none.\n", path);
    return 1;
  }
  const double peak = vpdpbusd_gmacs();
  {
    Aligned<uint64_t> memory(kUncached / 8);
    printf("read, one thread: cache %.1f GB/s, memory %.1f GB/s; VPDPBUSD peak %.0f GMAC/s\n",
           read_gbps(memory.data(), kCached), read_gbps(memory.data(), kUncached), peak);
  }
  const uint32_t features = detect_cpu_features();
  std::vector<const TernaryKernel*> ternary = usable_ternary_kernels(features);
  for (const TernaryKernel* kernel : evex_ternary_kernels(features))
    ternary.push_back(kernel);
  for (const TernaryKernel* kernel : ternary)
    for (const Shape& shape : shapes)
      if (wanted(std::string(kernel->family) + "-" + kernel->isa))
        bench_ternary(*kernel, shape, peak);
  for (const DenseKernel* kernel : usable_dense_kernels(features))
    if (wanted(std::string("dense-") + kernel->isa))
      bench_dense(*kernel);
  for (const VectorKernel* kernel : usable_vector_kernels(features))
    if (wanted(std::string("vector-") + kernel->isa))
      bench_vector(*kernel);
  return 0;
}
