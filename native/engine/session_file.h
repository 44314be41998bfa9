// The big part of a session on disk: tokens, keys and values, and a checksum. What stands before it
// is TypeScript's (lib/model/session/session-file.ts).
#pragma once
#include <string>

#include "../common/abort.h"
#include "../common/status.h"
#include "../graph/kv_cache.h"

namespace bitnet {

/** Bytes of keys and values of a position. */
size_t kv_bytes_per_position(const KvCache& cache);

/**
 * Writes a new file: `header` as it is, then int32 tokens [position of the cache], then of every
 * layer, keys before values, and every head the rows of these positions, then the checksum (8
 * bytes, little-endian, seeded) of all behind the header.
 */
Status write_session(const std::string& path, const uint8_t* header, size_t header_bytes,
                     const int32_t* tokens, uint64_t seed, const KvCache& cache,
                     const Abort& abort);

/**
 * Reads what write_session wrote behind `offset` for `n` positions into `tokens` and `cache`, an
 * allocated one, whose position becomes n. kSession when the checksum is another.
 */
Status read_session(const std::string& path, uint64_t offset, uint64_t seed, size_t n,
                    int32_t* tokens, KvCache& cache, const Abort& abort);

/** The checksum of ranges of a file, one after the other: [count] offsets and lengths. */
Status checksum_of_ranges(const std::string& path, const double* offsets, const double* lengths,
                          size_t count, const Abort& abort, uint64_t* out);

} // namespace bitnet
