// The prefilter in plain C++: its definition.
#include "prefilter.h"

#include <math.h>

#include "prefilter_layout.h"

namespace bitnet {
namespace {

void product(const PrefilterProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row++) {
    const uint8_t* tile =
        p.packed + row / kPrefilterRows * prefilter_tile_bytes(p.cols) + row % kPrefilterRows * 4;
    for (size_t i = 0; i < p.n; i++) {
      int32_t high = 0, low = 0;
      for (size_t k = 0; k < p.cols; k++) {
        const int32_t q = tile[k / 4 * kPrefilterGroup + k % 4] - 128;
        high += q * p.high[i * p.cols + k];
        low += q * p.low[i * p.cols + k];
      }
      p.out[i * p.out_stride + (row - row_begin)] =
          fmaf(128.0f, static_cast<float>(high), static_cast<float>(low));
    }
  }
}

} // namespace

extern const PrefilterKernel kPrefilterScalar;
const PrefilterKernel kPrefilterScalar = {
    .isa = "scalar",
    .features = 0,
    .tile_rows = kPrefilterRows,
    .tile_cols = kPrefilterCols,
    .tile_bytes = prefilter_tile_bytes,
    .pack_tile = prefilter_pack_tile,
    .product = product,
};

} // namespace bitnet
