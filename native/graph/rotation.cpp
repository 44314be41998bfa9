// The transform is its own inverse, and so are the signs.
#include "rotation.h"

namespace bitnet {
namespace {

void multiply(const std::vector<float>& signs, float* x) {
  for (size_t i = 0; i < signs.size(); ++i)
    x[i] *= signs[i];
}

} // namespace

void Rotation::apply(const VectorKernel& vector, float* x) const {
  multiply(signs, x);
  vector.hadamard(x, width, block);
}

void Rotation::undo(const VectorKernel& vector, float* x) const {
  vector.hadamard(x, width, block);
  multiply(signs, x);
}

Rotation rotation_of(const ModelSpec& spec, size_t width) {
  Rotation rotation = {.width = width, .block = spec.rotation_block, .signs = {}};
  for (const std::vector<int8_t>& signs : spec.rotation_signs)
    if (signs.size() == width)
      rotation.signs.assign(signs.begin(), signs.end());
  return rotation;
}

} // namespace bitnet
