// A source of random weights: what the file of the same synthetic model would hold, made when read.
#pragma once
#include "../common/aligned_buffer.h"
#include "../common/byte_source.h"
#include "../common/thread_pool.h"
#include "../graph/spec.h"

namespace bitnet {

/**
 * The bytes that `bitnet synth` writes for `spec.synthetic` and these tensors
 * (bench/synth/weights.ts), whatever is read first and by whichever thread. Embedding and head are
 * made once and kept, as a file's are in the page cache: reading their rows must not be slower than
 * from there.
 */
class SyntheticSource : public ByteSource {
public:
  /** `spec` must outlive reading anything but embedding and head. */
  explicit SyntheticSource(const ModelSpec& spec);

  /** Makes embedding and head. */
  Status prepare(ThreadPool& pool);

  Status read(uint64_t offset, size_t bytes, uint8_t* out) const override;

private:
  struct Table {
    uint64_t begin; // its bytes, as in a file
    uint64_t end;
    AlignedBuffer values; // in whole pieces
  };

  Status make(const TensorSpec& tensor, ThreadPool& pool);

  const ModelSpec& spec_;
  std::vector<Table> tables_;
};

} // namespace bitnet
