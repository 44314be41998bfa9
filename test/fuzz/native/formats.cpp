// Coverage-guided: any bytes as a tensor of each type. Ternary rows decode alike alone and together, into codes in range.
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "common/aligned_buffer.h"
#include "formats/formats.h"
#include "kernels/dense/dense.h"

namespace bitnet {
extern const DenseKernel kDenseScalar;
}

using namespace bitnet;

namespace {

struct Case {
  const char* type;
  TensorShape shape;
};

const Case kCases[] = {
    {"I2_S", {3, 192}},
    {"I2_S arm64", {6, 96}},
    {"I2_S rows4", {8, 33}},
    {"TL1", {128, 128, {64, 64, 32}}},
    {"TL2", {64, 320, {64, 96, 32}}},
    {"TQ1_0", {2, 512}},
    {"TQ2_0", {2, 512}},
    {"Q2_0", {3, 192}},
    {"Q2_0_G128", {2, 256}},
    {"PQ2_0", {2, 256}},
    {"PTQ1_0", {2, 256}},
    {"IQ1_BN", {3, 192}},
    {"IQ2_BN", {3, 192}},
    {"IQ1_BN without scales", {3, 64}},
    {"IQ2_BN without scales", {3, 64}},
    {"IQ2_BN_R4", {8, 128}},
};

void require(bool holds) {
  if (!holds)
    abort();
}

/** The input, and zeros where it is too short. */
std::vector<uint8_t> filled(const uint8_t* data, size_t size, size_t bytes) {
  std::vector<uint8_t> all(bytes);
  if (size > 0)
    memcpy(all.data(), data, std::min(size, bytes));
  return all;
}

struct Rows {
  std::vector<uint8_t> codes;
  std::vector<float> scales;
  bool valid;
};

Rows decoded(const TernaryFormat& format, TensorShape shape, const std::vector<uint8_t>& tensor,
             size_t row, size_t count) {
  std::vector<uint8_t> bytes; // of these rows only
  for (const ByteRange& part : format.row_bytes(shape, row, count).part) {
    require(part.begin <= part.end && part.end <= tensor.size());
    bytes.insert(bytes.end(), tensor.begin() + static_cast<ptrdiff_t>(part.begin),
                 tensor.begin() + static_cast<ptrdiff_t>(part.end));
  }
  const size_t scales = format.scale_cols ? shape.cols / format.scale_cols : 1;
  Rows rows = {std::vector<uint8_t>(count * shape.cols), std::vector<float>(count * scales), true};
  rows.valid =
      format.decode(bytes.data(), shape, row, count, rows.codes.data(), rows.scales.data());
  return rows;
}

void try_ternary(const Case& c, const uint8_t* data, size_t size) {
  const TernaryFormat& format = *find_ternary_format(c.type);
  const size_t tensor_bytes = static_cast<size_t>(format.tensor_bytes(c.shape));
  const std::vector<uint8_t> tensor = filled(data, size, tensor_bytes);
  const Rows all = decoded(format, c.shape, tensor, 0, c.shape.rows);
  if (!all.valid)
    return;
  for (uint8_t code : all.codes)
    require(code <= 2 || (code == 3 && format.four_levels));
  for (size_t row = 0; row < c.shape.rows; row += 1 + c.shape.rows / 16) {
    const Rows one = decoded(format, c.shape, tensor, row, 1);
    const auto codes = all.codes.begin() + static_cast<ptrdiff_t>(row * c.shape.cols);
    require(one.valid && std::equal(one.codes.begin(), one.codes.end(), codes));
  }
}

void try_dense(uint32_t type, const uint8_t* data, size_t size) {
  constexpr size_t kRows = 3, kCols = 512;
  const DenseStorage& stored = kDenseStorage[type];
  const size_t row_bytes = kCols / stored.block * stored.block_bytes;
  AlignedBuffer x;
  require(x.allocate(kCols * sizeof(float)));
  const std::vector<uint8_t> rows = filled(data, size, kRows * row_bytes);
  std::vector<float> out(kRows), weights(kCols);
  kDenseScalar.product[type](
      {rows.data(), row_bytes, kCols, x.as<float>(), kCols, 1, out.data(), kRows}, 0, kRows);
  kDenseScalar.decode[type](rows.data(), kCols, weights.data());
}

} // namespace

/** The first byte chooses the type, the others are the tensor. */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0)
    return 0;
  const size_t ternary = sizeof kCases / sizeof *kCases, type = *data % (ternary + kDenseTypes);
  if (type < ternary)
    try_ternary(kCases[type], data + 1, size - 1);
  else
    try_dense(static_cast<uint32_t>(type - ternary), data + 1, size - 1);
  return 0;
}
