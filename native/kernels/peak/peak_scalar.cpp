// Limits of plain C.
#include "peak.h"

namespace bitnet {
namespace {

uint64_t read(const void* p, size_t bytes) {
  const uint64_t* word = static_cast<const uint64_t*>(p);
  uint64_t sum[8] = {};
  for (size_t i = 0; i < bytes / 8; i += 8)
    for (size_t j = 0; j < 8; j++)
      sum[j] ^= word[i + j];
  return sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
}

uint64_t multiply(size_t rounds) {
  uint64_t sum[4] = {1, 2, 3, 4};
  for (size_t i = 0; i < rounds; i++)
    for (uint64_t& s : sum)
      s += (s & 127) * static_cast<uint64_t>(i & 127);
  return sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}

} // namespace

extern const Peak kPeakScalar;
const Peak kPeakScalar = {
    .instruction = "MUL",
    .features = 0,
    .read = read,
    .multiply = multiply,
    .macs = 4,
};

} // namespace bitnet
