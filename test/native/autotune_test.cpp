// Timing kernels: what is reported, and when nothing is. How fast they are is not tested.
#include "load/autotune.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "check.h"
#include "kernels/cpu_features.h"

using namespace bitnet;

namespace {

// The times do not count, so that weights need not come from memory: a hundredth of what is usual,
// and more than a tile of any shape here.
constexpr size_t kWeights = size_t{640} << 10;

// Two: the scalar ones would take long.
std::vector<const TernaryKernel*> some_kernels() {
  std::vector<const TernaryKernel*> kernels = usable_ternary_kernels(detect_cpu_features());
  kernels.resize(2);
  return kernels;
}

std::vector<ShapeTiming> timings_of(const std::vector<MatrixShape>& shapes,
                                    std::chrono::milliseconds budget, int32_t abort = 0) {
  std::atomic<int32_t> requested{abort}, closing{0};
  ThreadPool pool(2);
  return time_kernels(shapes, some_kernels(), *usable_vector_kernels(detect_cpu_features())[0],
                      pool, budget, {&requested, &closing}, kWeights);
}

} // namespace

TEST("every candidate is timed on every shape, and the best is among the fastest") {
  // Rows and columns that fill no tile; tiles of these columns are large for some kernels.
  const std::vector<MatrixShape> shapes = {{1, 1}, {130, 70}, {67, 5000}};
  const std::vector<ShapeTiming> results = timings_of(shapes, std::chrono::minutes(5));
  CHECK_EQ(results.size(), shapes.size(), "shapes");
  for (size_t i = 0; i < results.size(); ++i) {
    const ShapeTiming& result = results[i];
    CHECK(result.shape.rows == shapes[i].rows && result.shape.cols == shapes[i].cols, "shape");
    CHECK_EQ(result.timings.size(), some_kernels().size(), "timings");
    double fastest = 0, chosen = 0;
    for (const KernelTiming& timing : result.timings) {
      CHECK(timing.token > 0, name_of(*timing.kernel));
      fastest = std::max(fastest, timing.token);
      if (timing.kernel == result.best)
        chosen = timing.token;
    }
    CHECK(chosen * 1.05 >= fastest, name_of(*result.best));
  }
}

TEST("without time every shape is decided all the same") {
  const std::vector<MatrixShape> shapes = {{130, 70}, {67, 500}};
  CHECK_EQ(timings_of(shapes, std::chrono::milliseconds(0)).size(), shapes.size(), "shapes");
}

TEST("without candidates or permission nothing is chosen") {
  const std::vector<MatrixShape> shapes = {{130, 70}};
  CHECK(timings_of(shapes, std::chrono::minutes(5), 1).empty(), "aborted");
  std::atomic<int32_t> flag{0};
  ThreadPool pool(1);
  const VectorKernel& vector = *usable_vector_kernels(detect_cpu_features())[0];
  CHECK(time_kernels(shapes, {}, vector, pool, std::chrono::minutes(5), {&flag, &flag}).empty(),
        "no candidates");
}
