// The checksum of session files: the same in one piece or many, another for every changed bit.
#include <algorithm>
#include <random>
#include <vector>

#include "check.h"
#include "common/checksum.h"

using namespace bitnet;

namespace {

uint64_t sum_of(const std::vector<uint8_t>& bytes, uint64_t seed = 0) {
  Checksum checksum(seed);
  checksum.add(bytes.data(), bytes.size());
  return checksum.value();
}

std::vector<uint8_t> random_bytes(size_t count) {
  std::mt19937 random(7);
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes)
    byte = static_cast<uint8_t>(random());
  return bytes;
}

} // namespace

TEST("a checksum does not depend on how the bytes come") {
  const std::vector<uint8_t> bytes = random_bytes(1000);
  const uint64_t expected = sum_of(bytes);
  for (size_t piece : {1, 3, 7, 31, 32, 33, 64, 500}) {
    Checksum checksum;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      checksum.add(bytes.data() + at, std::min(piece, bytes.size() - at));
      checksum.value(); // to ask in between changes nothing
    }
    CHECK_EQ(checksum.value(), expected, "pieces of " + std::to_string(piece));
  }
}

TEST("a checksum is another for every changed bit, length and seed") {
  std::vector<uint8_t> bytes = random_bytes(77);
  const uint64_t expected = sum_of(bytes);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    CHECK(sum_of(bytes) != expected, "bit " + std::to_string(bit));
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
  }
  CHECK(sum_of(bytes, 1) != expected, "seed");
  std::vector<uint8_t> zeros;
  std::vector<uint64_t> sums;
  for (size_t n = 0; n < 70; ++n, zeros.push_back(0)) {
    for (uint64_t other : sums)
      CHECK(sum_of(zeros) != other, "length " + std::to_string(n));
    sums.push_back(sum_of(zeros));
  }
}
