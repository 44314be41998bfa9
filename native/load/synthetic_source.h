// A source of random weights: what the file of the same synthetic model would hold, made when read.
#pragma once
#include "../common/aligned_buffer.h"
#include "../common/byte_source.h"
#include "../common/thread_pool.h"
#include "../graph/spec.h"

namespace bitnet {

/**
 * The bytes that `bitnet synth` writes for `spec.synthetic` and these tensors
 * (bench/synth/weights.ts), whatever is read first and by whichever thread. The embedding is made
 * once and kept, as a file's is in the page cache: reading its rows must not be slower than from
 * there.
 */
class SyntheticSource : public ByteSource {
public:
  /** `spec` must outlive reading anything but the embedding. */
  explicit SyntheticSource(const ModelSpec& spec);

  /** Makes the embedding. */
  Status prepare(ThreadPool& pool);

  Status read(uint64_t offset, size_t bytes, uint8_t* out) const override;

private:
  const ModelSpec& spec_;
  uint64_t embedding_begin_ = 0; // bytes of the embedding, as in a file
  uint64_t embedding_end_ = 0;
  AlignedBuffer embedding_; // in whole pieces
};

} // namespace bitnet
