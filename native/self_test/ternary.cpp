// Ternary products beside plain sums of integers.
#include <algorithm>

#include "array.h"
#include "self_test.h"

namespace bitnet {
namespace {

constexpr size_t kInt8Stride = 64; // q_stride is a multiple

std::string check_product(const TernaryKernel& kernel, size_t cols, size_t n, bool extreme) {
  std::mt19937 random(static_cast<uint32_t>(cols + n));
  const size_t rows = 2 * kernel.tile_rows;
  const size_t stride = (cols + kInt8Stride - 1) / kInt8Stride * kInt8Stride;
  Array<uint8_t> codes(rows * cols);
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<uint8_t>(extreme ? 2 : number(random, 0, 2));
  const size_t tile_bytes = kernel.tile_bytes(cols);
  Array<uint8_t> packed(2 * tile_bytes);
  for (size_t tile = 0; tile < 2; ++tile)
    kernel.pack_tile(codes.data() + tile * kernel.tile_rows * cols, cols,
                     packed.data() + tile * tile_bytes);
  Array<int8_t> q(n * stride);
  Array<int32_t> q_sum(n);
  for (size_t i = 0; i < n; ++i)
    for (size_t k = 0; k < cols; ++k)
      q_sum[i] += q[i * stride + k] =
          static_cast<int8_t>(extreme ? (i % 2 ? -127 : 127) : number(random, -127, 127));
  Array<int32_t> out(n * rows);
  Array<uint8_t> scratch(std::max<size_t>(1, kernel.scratch_bytes(cols)));
  kernel.product({.packed = packed.data(),
                  .cols = cols,
                  .q = q.data(),
                  .q_stride = stride,
                  .q_sum = q_sum.data(),
                  .n = n,
                  .out = out.data(),
                  .out_stride = rows,
                  .scratch = scratch.data()},
                 0, rows);
  for (size_t i = 0; i < n; ++i)
    for (size_t r = 0; r < rows; ++r) {
      int32_t sum = 0;
      for (size_t k = 0; k < cols; ++k)
        sum += (codes[r * cols + k] - 1) * q[i * stride + k];
      if (out[i * rows + r] != sum)
        return difference("product of " + std::to_string(cols) + " columns and " +
                              std::to_string(n) + " tokens",
                          i * rows + r, out[i * rows + r], sum);
    }
  return {};
}

} // namespace

std::string check_kernel(const TernaryKernel& kernel) {
  // One tile, and so many that sums of int16 would overflow.
  const size_t wide = (4096 + kernel.tile_cols - 1) / kernel.tile_cols * kernel.tile_cols;
  for (size_t cols : {kernel.tile_cols, wide})
    for (size_t n : {1, 2, 5, 17})
      for (bool extreme : {false, true}) {
        const std::string wrong = check_product(kernel, cols, n, extreme);
        if (!wrong.empty())
          return wrong;
      }
  return {};
}

} // namespace bitnet
