// What a sequence remembers to and from a file: rows of the cache run by run, as the positions of a
// head lie one behind the other, then states.
#include "session_file.h"

#include <string.h>

#include <algorithm>

#include "../common/checksum.h"
#include "../common/file_reader.h"
#include "../common/file_writer.h"

namespace bitnet {
namespace {

constexpr size_t kPiece = size_t{4} << 20; // of a range that is read to be summed

Status aborted() {
  return Status::error(Code::kAborted, "The work on the session file was aborted.");
}

/** visit(rows) for `positions` positions of every run of a cache, block by block. */
template <class Visit>
Status for_each_run(const KvCache& cache, size_t positions, const Abort& abort, Visit&& visit) {
  for (size_t run = 0; run < cache.runs(); ++run) {
    if (abort.raised())
      return aborted();
    for (size_t at = 0; at < positions; at += kKvBlockPositions) {
      const size_t rows = std::min(positions - at, kKvBlockPositions);
      Status status = visit(cache.run(run, at), rows * cache.row_bytes());
      if (!status.ok())
        return status;
    }
  }
  return {};
}

/** visit(bytes) for every one of the states, in pieces. */
template <class Visit>
Status for_each_piece(const std::vector<std::shared_ptr<StateBuffer>>& states, const Abort& abort,
                      Visit&& visit) {
  for (const std::shared_ptr<StateBuffer>& state : states)
    for (size_t at = 0; at < state->data.size(); at += kPiece) {
      if (abort.raised())
        return aborted();
      Status status = visit(state->data.data() + at, std::min(kPiece, state->data.size() - at));
      if (!status.ok())
        return status;
    }
  return {};
}

// Whether a half is infinite or NaN: attention would spread it over all that follows.
bool odd_half(const uint8_t* bytes) {
  return (bytes[1] & 0x7c) == 0x7c;
}

bool all_finite(const uint8_t* floats, size_t bytes) {
  bool odd = false;
  for (size_t at = 0; at < bytes; at += sizeof(uint32_t)) {
    uint32_t bits;
    memcpy(&bits, floats + at, sizeof bits);
    odd |= (bits & 0x7f800000) == 0x7f800000;
  }
  return !odd;
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

Status write_session(const std::string& path, const uint8_t* header, size_t header_bytes,
                     const int32_t* tokens, uint64_t seed, const SequenceCache& cache,
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
    status = for_each_run(cache.kv, n, abort, append);
  if (status.ok())
    status = for_each_piece(cache.states.held(), abort, append);
  if (!status.ok())
    return status;
  const uint64_t sum = checksum.value();
  status = file.write(&sum, sizeof sum);
  return status.ok() ? file.close() : status;
}

Status read_session(const std::string& path, uint64_t offset, uint64_t seed,
                    const std::vector<size_t>& state_positions, size_t n, int32_t* tokens,
                    SequenceCache& cache, const Abort& abort) {
  FileReader file;
  Checksum checksum(seed);
  const auto take = [&](uint8_t* bytes, size_t count) {
    Status status = file.read(offset, count, bytes);
    offset += count;
    checksum.add(bytes, count);
    return status;
  };
  const size_t most = cache.states.most_snapshots() + 1; // and the state at the end
  if (state_positions.size() > most)
    return Status::error(Code::kSession, "Expected the session file \"" + path +
                                             "\" to be intact, but it has " +
                                             std::to_string(state_positions.size()) +
                                             " states where at most " + std::to_string(most) +
                                             " are kept: it is damaged; evaluate the prompt again "
                                             "and save a new one.");
  Status status = file.open(path);
  if (status.ok())
    status = take(reinterpret_cast<uint8_t*>(tokens), n * sizeof(int32_t));
  if (status.ok())
    status = cache.kv.prepare(0, n);
  const char* odd = nullptr; // what is not finite
  if (status.ok())
    status = for_each_run(cache.kv, n, abort, [&](uint8_t* rows, size_t bytes) {
      Status read = take(rows, bytes);
      odd = all_finite(cache.kv, rows, bytes) ? odd : "keys and values";
      return read;
    });
  std::vector<std::shared_ptr<StateBuffer>> states;
  for (size_t i = 0; i < state_positions.size() && status.ok(); ++i) {
    states.push_back(cache.states.make());
    if (!states.back())
      return Status::error(Code::kMemory, "Not enough memory for the states of a session.");
    states.back()->position = state_positions[i];
    status = for_each_piece({states.back()}, abort, [&](uint8_t* floats, size_t bytes) {
      Status read = take(floats, bytes);
      odd = all_finite(floats, bytes) ? odd : "states";
      return read;
    });
  }
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
  if (odd)
    return Status::error(Code::kSession, "Expected the " + std::string(odd) +
                                             " in the session file \"" + path +
                                             "\" to be finite numbers, but some are not: it is "
                                             "damaged; evaluate the prompt again and save a new "
                                             "one.");
  cache.states.take(std::move(states));
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
