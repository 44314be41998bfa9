// RMSNorm by the kernel, or LayerNorm.
#include "norm.h"

#include <math.h>

namespace bitnet {

void norm_row(const Weights& weights, const float* x, const std::vector<float>& w, float* y) {
  const ModelSpec& spec = weights.spec;
  const auto norm = spec.layer_norm ? layer_norm : weights.kernels.vector->rms_norm;
  norm(x, w.data(), w.size(), spec.norm_eps, y);
}

void layer_norm(const float* x, const float* w, size_t count, float eps, float* y) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < count; ++i)
    sum += static_cast<double>(x[i]);
  const double mean = sum / static_cast<double>(count);
  for (size_t i = 0; i < count; ++i) {
    const double distance = static_cast<double>(x[i]) - mean;
    squares += distance * distance;
  }
  const double variance = squares / static_cast<double>(count);
  const double factor = 1.0 / sqrt(variance + static_cast<double>(eps));
  for (size_t i = 0; i < count; ++i)
    y[i] = static_cast<float>((static_cast<double>(x[i]) - mean) * factor) * w[i];
}

} // namespace bitnet
