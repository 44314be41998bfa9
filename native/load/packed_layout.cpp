// Sizes are those of the kernels' own packers.
#include "packed_layout.h"

#include "../formats/formats.h"
#include "q4_0_block.h"

namespace bitnet {

PackedLayout in_tiles(const TernaryKernel& kernel, size_t rows, size_t cols) {
  const size_t padded_cols = pad_to(cols, kernel.tile_cols);
  return {TernaryTiles{.kernel = &kernel, .padded_cols = padded_cols},
          (rows + kernel.tile_rows - 1) / kernel.tile_rows * kernel.tile_bytes(padded_cols)};
}

PackedLayout in_groups(const GroupKernel& kernel, size_t rows, size_t cols, size_t group) {
  return {TernaryGroups{.kernel = &kernel, .group = group},
          (rows + kernel.tile_rows - 1) / kernel.tile_rows * kernel.tile_bytes(cols, group)};
}

PackedLayout by_neuron(const NeuronKernel& kernel, TensorLayout layout, size_t rows, size_t cols) {
  if (layout == TensorLayout::kNeuronRows) {
    const size_t bytes = kernel.neuron_bytes(cols);
    return {NeuronRows{.kernel = &kernel, .neuron_bytes = bytes}, rows * bytes};
  }
  const size_t bytes = kernel.neuron_bytes(rows);
  return {NeuronColumns{.kernel = &kernel, .neuron_bytes = bytes}, cols * bytes};
}

PackedLayout in_q4_0(const DenseKernel& kernel, size_t rows, size_t cols) {
  const size_t bytes = cols / kQ4Block * kQ4BlockBytes;
  return {DenseRows{.kernel = &kernel, .type = kDenseQ4_0, .row_bytes = bytes}, rows * bytes};
}

bool packed_layout(const TensorSpec& tensor, TensorLayout layout, const TernaryKernel* tiles,
                   const KernelSet& kernels, PackedLayout* out) {
  const size_t rows = static_cast<size_t>(tensor.rows), cols = static_cast<size_t>(tensor.cols);
  const TernaryFormat* format = find_ternary_format(tensor.type);
  const size_t group = format ? format->scale_cols : 0;
  if (layout == TensorLayout::kQ4_0 && group != 0)
    *out = in_q4_0(*kernels.dense, rows, cols);
  else if (layout == TensorLayout::kTiles && tiles)
    *out = in_tiles(*tiles, rows, cols);
  else if (layout == TensorLayout::kGroups && tiles && group != 0)
    *out = in_groups(groups_of(*tiles), rows, cols, group);
  else if ((layout == TensorLayout::kNeuronRows || layout == TensorLayout::kNeuronColumns) &&
           tiles && kernels.neurons)
    *out = by_neuron(*kernels.neurons, layout, rows, cols);
  else
    return false;
  return true;
}

} // namespace bitnet
