// The transform is its own inverse, and so are the signs.
#include "rotation.h"

#include <algorithm>

namespace bitnet {
namespace {

void multiply(const std::vector<float>& signs, float* x) {
  for (size_t i = 0; i < signs.size(); ++i)
    x[i] *= signs[i];
}

} // namespace

void Rotation::order(const float* x, float* y) const {
  const size_t groups = key_heads ? key_heads : 1, dim = head_dim ? head_dim : width;
  const size_t per_group = width / dim / groups;
  for (size_t group = 0; group < groups; ++group)
    for (size_t i = 0; i < per_group; ++i, y += dim)
      std::copy_n(x + (i * groups + group) * dim, dim, y);
}

void Rotation::apply(const VectorKernel& vector, float* x) const {
  multiply(signs, x);
  vector.hadamard(x, width, block);
}

void Rotation::undo(const VectorKernel& vector, float* x) const {
  vector.hadamard(x, width, block);
  multiply(signs, x);
}

Rotation rotation_of(const ModelSpec& spec, const TensorSpec& tensor) {
  const size_t width = static_cast<size_t>(tensor.cols);
  Rotation rotation = {.width = width, .block = spec.rotation_block, .signs = {}};
  if (spec.rotation_grouped && tensor.role == "ssm_out") {
    rotation.key_heads = spec.recurrent.n_key_head;
    rotation.head_dim = spec.recurrent.head_dim;
  }
  for (const std::vector<int8_t>& signs : spec.rotation_signs)
    if (signs.size() == width)
      rotation.signs.assign(signs.begin(), signs.end());
  return rotation;
}

} // namespace bitnet
