// Dense products of every type beside those of the scalar kernel, to the bit.
#include <string.h>

#include "array.h"
#include "self_test.h"

namespace bitnet {
namespace {

constexpr size_t kCols = 512;                       // whole blocks of every type
constexpr size_t kRowBytes = kCols * sizeof(float); // no type needs more
constexpr size_t kRows = 5;

std::string check_product(const DenseKernel& kernel, const DenseKernel& scalar, uint32_t type,
                          size_t n) {
  std::mt19937 random(type);
  Array<uint8_t> rows(kRows * kRowBytes);
  // Without this bit, whatever the type takes for a float is below 2.
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = static_cast<uint8_t>(random() & 0xbf);
  Array<float> x(n * kCols), out(n * kRows), expected(n * kRows);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = real(random);
  kernel.product[type]({.rows = rows.data(),
                        .row_bytes = kRowBytes,
                        .cols = kCols,
                        .x = x.data(),
                        .x_stride = kCols,
                        .n = n,
                        .out = out.data(),
                        .out_stride = kRows},
                       0, kRows);
  scalar.product[type]({.rows = rows.data(),
                        .row_bytes = kRowBytes,
                        .cols = kCols,
                        .x = x.data(),
                        .x_stride = kCols,
                        .n = n,
                        .out = expected.data(),
                        .out_stride = kRows},
                       0, kRows);
  for (size_t i = 0; i < out.size(); ++i)
    if (memcmp(&out[i], &expected[i], sizeof(float)) != 0)
      return difference("product of type " + std::to_string(type) + " and " + std::to_string(n) +
                            " vectors",
                        i, out[i], expected[i]);
  return {};
}

} // namespace

std::string check_kernel(const DenseKernel& kernel, const DenseKernel& scalar) {
  for (uint32_t type = 0; type < kDenseTypes; ++type)
    for (size_t n : {1, 4, 13}) {
      const std::string wrong = check_product(kernel, scalar, type, n);
      if (!wrong.empty())
        return wrong;
    }
  return {};
}

} // namespace bitnet
