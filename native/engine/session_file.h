// The big part of a session on disk: tokens, keys and values, states, and a checksum. What stands
// before it is TypeScript's (lib/model/session/session-file.ts).
#pragma once
#include <string>
#include <vector>

#include "../common/abort.h"
#include "../common/status.h"
#include "../graph/sequence_cache.h"

namespace bitnet {

/**
 * Writes a new file: `header` as it is, then int32 tokens [position of the cache], then of every
 * layer that attends, keys before values, and every head the rows of these positions, then the states
 * that the cache holds, then the checksum (8 bytes, little-endian, seeded) of all behind the header.
 */
Status write_session(const std::string& path, const uint8_t* header, size_t header_bytes,
                     const int32_t* tokens, uint64_t seed, const SequenceCache& cache,
                     const Abort& abort);

/**
 * Reads what write_session wrote behind `offset` for `n` positions into `tokens` and `cache`, an
 * allocated one, whose position becomes n. `state_positions` are those of the states, in order; the last
 * is n. kSession when the checksum is another.
 */
Status read_session(const std::string& path, uint64_t offset, uint64_t seed,
                    const std::vector<size_t>& state_positions, size_t n, int32_t* tokens,
                    SequenceCache& cache, const Abort& abort);

/** The checksum of ranges of a file, one after the other: [count] offsets and lengths. */
Status checksum_of_ranges(const std::string& path, const double* offsets, const double* lengths,
                          size_t count, const Abort& abort, uint64_t* out);

} // namespace bitnet
