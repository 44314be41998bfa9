// Rows of the cache to and from a file, run by run: the positions of a head lie one behind the
// other.
#include "session_file.h"

#include <algorithm>
#include <vector>

#include "../common/checksum.h"
#include "../common/file_reader.h"
#include "../common/file_writer.h"

namespace bitnet {
namespace {

constexpr size_t kPiece = size_t{4} << 20; // of a range that is read to be summed

Status aborted() {
  return Status::error(Code::kAborted, "The work on the session file was aborted.");
}

/** visit(rows of `positions` positions) for every layer, keys before values, and head. */
template <class Visit>
Status for_each_run(const KvCache& cache, size_t positions, const Abort& abort, Visit&& visit) {
  const size_t bytes = positions * cache.row_bytes();
  for (size_t layer = 0; layer < cache.n_layer(); ++layer)
    for (size_t which = 0; which < 2; ++which)
      for (size_t head = 0; head < cache.n_kv_head(); ++head) {
        if (abort.raised())
          return aborted();
        Status status =
            visit(which == 0 ? cache.keys(layer, head) : cache.values(layer, head), bytes);
        if (!status.ok())
          return status;
      }
  return {};
}

// Whether a half is infinite or NaN: attention would spread it over all that follows.
bool odd_half(const uint8_t* bytes) {
  return (bytes[1] & 0x7c) == 0x7c;
}

bool all_finite(const KvCache& cache, const uint8_t* rows, size_t bytes) {
  bool odd = false;
  if (cache.type() == kKvF16) {
    for (size_t at = 0; at < bytes; at += sizeof(uint16_t))
      odd |= odd_half(rows + at);
    return !odd;
  }
  // int8 values, and behind them the scales.
  for (size_t row = 0; row < bytes; row += cache.row_bytes())
    for (size_t at = cache.head_dim(); at < cache.row_bytes(); at += sizeof(uint16_t))
      odd |= odd_half(rows + row + at);
  return !odd;
}

} // namespace

size_t kv_bytes_per_position(const KvCache& cache) {
  return 2 * cache.n_layer() * cache.n_kv_head() * cache.row_bytes();
}

Status write_session(const std::string& path, const uint8_t* header, size_t header_bytes,
                     const int32_t* tokens, uint64_t seed, const KvCache& cache,
                     const Abort& abort) {
  FileWriter file;
  Checksum checksum(seed);
  const size_t n = cache.position;
  const auto append = [&](const void* bytes, size_t count) {
    checksum.add(bytes, count);
    return file.write(bytes, count);
  };
  Status status = file.create(path);
  if (status.ok())
    status = file.write(header, header_bytes);
  if (status.ok())
    status = append(tokens, n * sizeof(int32_t));
  if (status.ok())
    status = for_each_run(cache, n, abort, append);
  if (!status.ok())
    return status;
  const uint64_t sum = checksum.value();
  status = file.write(&sum, sizeof sum);
  return status.ok() ? file.close() : status;
}

Status read_session(const std::string& path, uint64_t offset, uint64_t seed, size_t n,
                    int32_t* tokens, KvCache& cache, const Abort& abort) {
  FileReader file;
  Checksum checksum(seed);
  const auto take = [&](uint8_t* bytes, size_t count) {
    Status status = file.read(offset, count, bytes);
    offset += count;
    checksum.add(bytes, count);
    return status;
  };
  Status status = file.open(path);
  if (status.ok())
    status = take(reinterpret_cast<uint8_t*>(tokens), n * sizeof(int32_t));
  bool finite = true;
  if (status.ok())
    status = for_each_run(cache, n, abort, [&](uint8_t* rows, size_t bytes) {
      Status read = take(rows, bytes);
      finite = finite && all_finite(cache, rows, bytes);
      return read;
    });
  uint64_t sum = 0;
  if (status.ok())
    status = file.read(offset, sizeof sum, reinterpret_cast<uint8_t*>(&sum));
  if (!status.ok())
    return status;
  if (sum != checksum.value())
    return Status::error(Code::kSession,
                         "Expected the session file \"" + path +
                             "\" to be intact, but its checksum does not match its content: it is "
                             "damaged; evaluate the prompt again and save a new one.");
  if (!finite)
    return Status::error(Code::kSession, "Expected the keys and values in the session file \"" +
                                             path +
                                             "\" to be finite numbers, but some are not: it is "
                                             "damaged; evaluate the prompt again and save a new "
                                             "one.");
  cache.position = n;
  return {};
}

Status checksum_of_ranges(const std::string& path, const double* offsets, const double* lengths,
                          size_t count, const Abort& abort, uint64_t* out) {
  FileReader file;
  Checksum checksum;
  std::vector<uint8_t> piece(kPiece);
  Status status = file.open(path);
  for (size_t i = 0; i < count; ++i) {
    uint64_t at = static_cast<uint64_t>(offsets[i]);
    const uint64_t end = at + static_cast<uint64_t>(lengths[i]);
    while (status.ok() && at < end) {
      if (abort.raised())
        return aborted();
      const size_t bytes = static_cast<size_t>(std::min<uint64_t>(end - at, kPiece));
      status = file.read(at, bytes, piece.data());
      checksum.add(piece.data(), bytes);
      at += bytes;
    }
  }
  *out = checksum.value();
  return status;
}

} // namespace bitnet
