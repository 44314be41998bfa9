// Coverage-guided: any bytes as the tokens, keys, values and states of a session file. They are refused, or the session that they
// make is written as the same bytes again.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "common/abort.h"
#include "common/checksum.h"
#include "engine/session_file.h"
#include "graph/sequence_cache.h"

using namespace bitnet;

namespace {

constexpr uint64_t kSeed = 7;

void require(bool holds) {
  if (!holds)
    abort();
}

std::string scratch(const char* name) {
  return "/tmp/bitnet_fuzz_" + std::to_string(getpid()) + name;
}

void write_file(const std::string& path, const std::vector<uint8_t>& bytes) {
  FILE* file = fopen(path.c_str(), "wb");
  require(file != nullptr && fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  require(fclose(file) == 0);
}

std::vector<uint8_t> read_file(const std::string& path) {
  FILE* file = fopen(path.c_str(), "rb");
  require(file != nullptr);
  std::vector<uint8_t> bytes(1 << 16);
  bytes.resize(fread(bytes.data(), 1, bytes.size(), file));
  fclose(file);
  return bytes;
}

} // namespace

/**
 * The first byte: positions, whether keys are int8, whether the right checksum goes behind the
 * other bytes, which are the file, and whether the first layer is recurrent.
 */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0)
    return 0;
  const size_t n = *data % 16;
  ModelSpec spec = {};
  spec.n_layer = 2;
  spec.n_kv_head = 1;
  spec.head_dim = 8;
  if (*data & 64)
    spec.recurrent = {.layers = {1, 0},
                      .taps = 2,
                      .n_key_head = 1,
                      .n_value_head = 1,
                      .key_dim = 2,
                      .head_dim = 2};
  SequenceCache cache;
  require(cache.allocate(spec, 16, *data & 16 ? kKvQ8_0 : kKvF16).ok());
  // A snapshot in the middle, and the state at the end.
  std::vector<size_t> positions;
  for (const size_t position : {n / 2, n})
    if (cache.states.bytes_of_one() > 0 && position > (positions.empty() ? 0 : positions[0]))
      positions.push_back(position);
  std::vector<uint8_t> file(data + 1, data + size);
  if (*data & 32) {
    file.resize(n * (sizeof(int32_t) + cache.kv.position_bytes()) +
                positions.size() * cache.states.bytes_of_one());
    Checksum checksum(kSeed);
    checksum.add(file.data(), file.size());
    const uint64_t sum = checksum.value();
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(&sum);
    file.insert(file.end(), bytes, bytes + sizeof sum);
  }
  static const std::string path = scratch("in"), again = scratch("out");
  write_file(path, file);
  std::vector<int32_t> tokens(n);
  const std::atomic<int32_t> never{0};
  const Abort abort = {&never, &never};
  if (read_session(path, 0, kSeed, positions, n, tokens.data(), cache, abort).ok()) {
    require(cache.position == n && cache.states.held().size() == positions.size());
    require(write_session(again, nullptr, 0, tokens.data(), kSeed, cache, abort).ok());
    const std::vector<uint8_t> written = read_file(again);
    require(written.size() <= file.size() &&
            std::equal(written.begin(), written.end(), file.begin()));
    remove(again.c_str());
  }
  remove(path.c_str());
  return 0;
}
