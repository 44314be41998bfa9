// On-disk ternary formats: any rows decode alike alone and together, from exactly the bytes that
// are said to hold them, whatever these bytes are.
#include <math.h>
#include <string.h>

#include <string>
#include <vector>

#include "check.h"
#include "common/half.h"
#include "formats/formats.h"
#include "guarded.h"

using namespace bitnet;
using check::Guarded;
using check::Random;

namespace {

struct Case {
  const char* type;
  TensorShape shape;
};

const Case kCases[] = {
    {"I2_S", {6, 64}},
    {"I2_S", {2, 192}},
    {"I2_S arm64", {6, 96}},
    {"I2_S rows4", {8, 33}},
    {"TL1", {128, 128, {64, 64, 32}}},
    {"TL1", {128, 192, {64, 64, 64}}},
    {"TL2", {96, 288, {32, 96, 32}}},
    {"TL2", {128, 256, {64, 192, 32}}},
    {"TL2", {64, 320, {64, 96, 32}}},
    {"TQ1_0", {5, 256}},
    {"TQ2_0", {5, 512}},
    {"PTQ1_0", {5, 384}},
    {"Q2_0", {5, 192}},
    {"Q2_0_G128", {5, 256}},
    {"PQ2_0", {5, 128}},
    {"IQ1_BN", {5, 192}},
    {"IQ2_BN", {5, 64}},
    {"IQ1_BN without scales", {5, 64}},
    {"IQ2_BN without scales", {5, 192}},
    {"IQ2_BN_R4", {12, 128}},
};

// Codes and scales of rows [row, row + count), decoded from a copy of their bytes with nothing
// behind it.
struct Rows {
  Guarded<uint8_t> codes;
  std::vector<float> scales;
  bool valid;

  Rows(const TernaryFormat& format, TensorShape shape, const std::vector<uint8_t>& tensor,
       size_t row, size_t count)
      : codes(count * shape.cols),
        scales(count * (format.scale_cols ? shape.cols / format.scale_cols : 1)) {
    const RowBytes range = format.row_bytes(shape, row, count);
    Guarded<uint8_t> bytes(static_cast<size_t>(range.size()));
    uint8_t* to = bytes.data();
    for (const ByteRange& part : range.part) {
      CHECK(part.begin <= part.end && part.end <= tensor.size(), "inside the tensor");
      memcpy(to, tensor.data() + part.begin, static_cast<size_t>(part.end - part.begin));
      to += part.end - part.begin;
    }
    valid = format.decode(bytes.data(), shape, row, count, codes.data(), scales.data());
  }
};

std::string title(const Case& c) {
  return std::string(c.type) + " " + std::to_string(c.shape.rows) + " x " +
         std::to_string(c.shape.cols);
}

} // namespace

TEST("some rows of a ternary tensor decode as all of them do, from their own bytes only") {
  for (const Case& c : kCases) {
    const TernaryFormat* format = find_ternary_format(c.type);
    CHECK(format, title(c));
    CHECK(!format->fits || format->fits(c.shape), title(c));
    CHECK_EQ(c.shape.cols % format->block_cols, size_t{0}, title(c));
    std::vector<uint8_t> tensor(static_cast<size_t>(format->tensor_bytes(c.shape)));
    Random random(1);
    for (uint8_t& byte : tensor)
      byte = static_cast<uint8_t>(random.bits());
    Rows all(*format, c.shape, tensor, 0, c.shape.rows);
    for (uint8_t code : all.codes)
      if (code > 3)
        return check::fail(__FILE__, __LINE__, title(c) + ": a code above 3");
    const size_t row_scales = all.scales.size() / c.shape.rows;
    const size_t stride = c.shape.rows / 16 + 1; // all first rows of small shapes
    for (size_t row = 0; row < c.shape.rows; row += stride)
      for (size_t count : {size_t{1}, size_t{3}, c.shape.rows - row}) {
        if (row + count > c.shape.rows)
          continue;
        const Rows some(*format, c.shape, tensor, row, count);
        const bool same_codes = memcmp(some.codes.data(), all.codes.data() + row * c.shape.cols,
                                       count * c.shape.cols) == 0;
        const bool same_scales = format->tensor_scale_offset ||
                                 memcmp(some.scales.data(), all.scales.data() + row * row_scales,
                                        some.scales.size() * sizeof(float)) == 0;
        CHECK(same_codes && same_scales, title(c) + ", rows from " + std::to_string(row));
      }
  }
}

TEST("codes and scales of formats that are written come back from their bytes") {
  size_t written = 0;
  for (const Case& c : kCases) {
    const TernaryFormat& format = *find_ternary_format(c.type);
    if (!format.encode)
      continue;
    ++written;
    Random random(2);
    Guarded<uint8_t> codes(c.shape.rows * c.shape.cols);
    for (uint8_t& code : codes)
      code = static_cast<uint8_t>(random.bits() % 3);
    const size_t group = format.scale_cols ? format.scale_cols : c.shape.cols;
    std::vector<float> scales(c.shape.rows * (c.shape.cols / group));
    for (float& scale : scales)
      scale = half_to_float(static_cast<uint16_t>(random.bits() % 0x7c00));
    const RowBytes range = format.row_bytes(c.shape, 0, c.shape.rows);
    Guarded<uint8_t> bytes(static_cast<size_t>(range.size()));
    format.encode(codes.data(), scales.data(), c.shape, 0, c.shape.rows, bytes.data());
    std::vector<uint8_t> tensor(static_cast<size_t>(format.tensor_bytes(c.shape)));
    memcpy(tensor.data(), bytes.data(), static_cast<size_t>(range.size()));
    const Rows back(format, c.shape, tensor, 0, c.shape.rows);
    CHECK(back.valid, title(c));
    CHECK(memcmp(back.codes.data(), codes.data(), c.shape.rows * c.shape.cols) == 0, title(c));
    if (!format.tensor_scale_offset)
      CHECK(back.scales == scales, title(c));
  }
  CHECK(written >= 6, "formats that are written");
}

TEST("tiles that cannot be of a matrix do not fit") {
  const TernaryFormat& tl1 = *find_ternary_format("TL1");
  const TernaryFormat& tl2 = *find_ternary_format("TL2");
  for (const TileShape& tile : std::vector<TileShape>{{},
                                                      {0, 64, 32},
                                                      {64, 0, 32},
                                                      {64, 64, 0},
                                                      {64, 64, 16},
                                                      {48, 64, 32},
                                                      {256, 64, 32},
                                                      {64, 256, 32},
                                                      {64, 4, 32},
                                                      {32, 64, 64}})
    CHECK(!tl1.fits({128, 128, tile}), "TL1");
  for (const TileShape& tile : std::vector<TileShape>{{},
                                                      {0, 96, 32},
                                                      {32, 0, 32},
                                                      {32, 96, 64},
                                                      {48, 96, 32},
                                                      {64, 96, 32},
                                                      {32, 60, 32},
                                                      {32, 1536, 32}})
    CHECK(!tl2.fits({96, 480, tile}), "TL2");
  CHECK(!tl2.fits({96, 192, {32, 96, 32}}), "TL2 has no size for fewer than 256 columns");
}

TEST("f16 bits survive f32") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits >> 10 & 31u) == 31)
      continue; // not finite
    const float value = half_to_float(static_cast<uint16_t>(bits));
    if (exact_half_bits(value) != bits || nearest_half_bits(value) != bits)
      return check::fail(__FILE__, __LINE__, std::to_string(bits));
  }
}

TEST("floats between two halves become the nearer, of two the even one") {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = half_to_float(static_cast<uint16_t>(bits));
    const float high = half_to_float(static_cast<uint16_t>(bits + 1));
    const float middle = 0.5f * (low + high);
    const uint16_t even = static_cast<uint16_t>(bits + (bits & 1));
    if (nearest_half_bits(middle) != even || nearest_half_bits(nextafterf(middle, low)) != bits ||
        nearest_half_bits(nextafterf(middle, high)) != bits + 1 ||
        nearest_half_bits(-middle) != (even | 0x8000))
      return check::fail(__FILE__, __LINE__, std::to_string(bits));
  }
  CHECK_EQ(nearest_half_bits(65519.0f), uint16_t{0x7bff}, "the largest half");
  CHECK_EQ(nearest_half_bits(65520.0f), uint16_t{0x7c00}, "beyond it");
  CHECK_EQ(nearest_half_bits(3e38f), uint16_t{0x7c00}, "far beyond it");
}
