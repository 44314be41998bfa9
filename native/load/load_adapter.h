// Reads the matrices of an adapter from its file into the layout that steps use, each once.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../common/abort.h"
#include "../common/file_reader.h"
#include "../common/thread_pool.h"
#include "../graph/adapter.h"

namespace bitnet {

/** Rows as a file stores them, one after the other. */
struct StoredRows {
  uint64_t offset; // bytes from the start of the file
  DenseType type;
  size_t rows;
  size_t cols;
};

/** The two matrices beside a layer. */
struct PairSpec {
  static constexpr size_t kEmbedding = SIZE_MAX;

  size_t slot;       // Linear::slot, or kEmbedding
  double factor;     // alpha / rank
  StoredRows a;      // [rank, cols]; of the embedding [vocab_size, rank]
  StoredRows b;      // [rows, rank]
  bool halves_apart; // B's rows 2j and 2j + 1 of a head are j and j + head_dim / 2 in the file
};

struct AdapterSpec {
  uint64_t id = 0; // Adapter::id
  std::string path;
  std::optional<FileStamp> stamp; // of the file when its header was read
  std::vector<PairSpec> pairs;
};

/** Bytes of memory the adapter will take. kModel where a matrix does not fit the model's. */
Status plan_adapter(const AdapterSpec& spec, const Weights& weights, uint64_t* bytes);

/**
 * Loads it on the threads of `pool`. kModel for a value that is infinite or none. Pairs one of whose
 * matrices is all zeros are left out, so that they change no bit, not even the sign of a zero.
 */
Status load_adapter(const AdapterSpec& spec, const Weights& weights, ThreadPool& pool,
                    const Abort& abort, std::shared_ptr<const Adapter>* out);

} // namespace bitnet
